"""The database: tables, queries, sealing of request bodies, the audit chain. SQLite on one machine, PostgreSQL for several replicas."""
