-- What is used of grants is the sum of the lines that used them.

ALTER TABLE billing.invoice_lines
  ADD COLUMN kind text,
  ADD COLUMN pool text;
CREATE INDEX ON billing.invoice_lines (invoice_id, pool) WHERE kind = 'credit';
