-- How the amount of a line divides over the cost centres of its account, as it was when the draft was drawn.

CREATE FUNCTION billing.sum_of_parts(parts jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT sum((part ->> 'minor')::numeric) FROM jsonb_array_elements(parts) AS part
$$;

ALTER TABLE billing.invoice_lines
  -- A list of {costCentre, minor, share}: without costCentre it is the account as such; share is the exact part of the line, and absent
  -- in a correction, which is a difference of two divisions. Null = the account bears the line as such.
  ADD COLUMN cost_centres jsonb,
  ADD CONSTRAINT line_divided CHECK (jsonb_array_length(cost_centres) > 0
    AND billing.sum_of_parts(cost_centres) = amount_minor);
