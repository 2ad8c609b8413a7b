-- The lattice as it lies, states not merged yet beside each other: whoever combines them anyway, with min, max
-- and bitwise or, is spared the grouping by hour.
CREATE VIEW IF NOT EXISTS vouch.usage_parts_v1 AS
SELECT stream, epoch, hour, first_time, last_time, first_register, last_register, minutes FROM vouch.usage_hours;
