-- What a version of an item does to quantities before they are rounded: small ones go, the others are billed in steps.

ALTER TABLE billing.items
  -- Decimal text: its spelling is part of the item, and of the proof.
  ADD COLUMN threshold_quantity text CHECK (threshold_quantity ~ '^[0-9]+(\.[0-9]+)?$'),
  ADD COLUMN threshold_at       text CHECK (threshold_at IN ('entry', 'resource', 'line')),
  ADD COLUMN increment_size     text CHECK (increment_size ~ '^[0-9]+(\.[0-9]+)?$' AND increment_size ~ '[1-9]'),
  ADD COLUMN increment_minimum  text CHECK (increment_minimum ~ '^[0-9]+(\.[0-9]+)?$'),
  ADD COLUMN increment_at       text CHECK (increment_at IN ('entry', 'resource', 'line')),
  ADD CONSTRAINT whole_threshold CHECK (num_nulls(threshold_quantity, threshold_at) IN (0, 2)),
  ADD CONSTRAINT whole_increment CHECK (num_nulls(increment_size, increment_minimum, increment_at) IN (0, 3));
