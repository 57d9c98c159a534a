"""PostgreSQL: pool, migrations, SQL per noun, journal, outbox."""
