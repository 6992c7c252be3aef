"""Circuit breakers and limits of the providers, kept in Redis so that all workers share them."""
