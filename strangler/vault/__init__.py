"""vault seals what is stored of requests: nobody reads it who has the state store alone."""
