"""Operations over a database, without an edge."""
