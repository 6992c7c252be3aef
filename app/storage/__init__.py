"""PostgreSQL: the only truth, and the only room that knows SQLAlchemy."""
