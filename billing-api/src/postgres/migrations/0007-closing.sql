-- How a contract's periods are closed, and what becomes of usage that arrives later.

ALTER TABLE billing.contracts
  -- Minutes after a period's end before its usage is frozen.
  ADD COLUMN grace_minutes integer NOT NULL DEFAULT 0 CHECK (grace_minutes BETWEEN 0 AND 525600),
  -- Late usage comes with the next invoice, or is only reported.
  ADD COLUMN late_usage text NOT NULL DEFAULT 'next-invoice' CHECK (late_usage IN ('next-invoice', 'reject')),
  -- Invoices whose periods begin so many days after a period's end take its late usage.
  ADD COLUMN late_days integer NOT NULL DEFAULT 90 CHECK (late_days BETWEEN 0 AND 3660),
  -- Amount, in the tariff's currency, below which a correction is not worth an invoice line.
  ADD COLUMN late_minimum text NOT NULL DEFAULT '0' CHECK (late_minimum ~ '^(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?$');

CREATE INDEX ON billing.invoices (account_id, upper(period)) WHERE issued_at IS NOT NULL;
