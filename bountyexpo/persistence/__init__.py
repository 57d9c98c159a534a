"""PostgreSQL, the truth: the pool, the unit of work, the journal, and the SQL of each noun."""
