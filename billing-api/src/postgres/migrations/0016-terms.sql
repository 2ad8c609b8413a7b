-- The term that was agreed, which an earlier end may cut short.

ALTER TABLE billing.contracts
  ADD COLUMN agreed_to timestamptz,
  -- Whether an end before that is without a fee.
  ADD COLUMN is_fee_waived boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT contract_term CHECK (agreed_to > lower(period));
UPDATE billing.contracts SET agreed_to = upper(period);
