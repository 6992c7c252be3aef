"""One file per provider, one table that makes them (`factories`), one border for foreign errors (`http`)."""
