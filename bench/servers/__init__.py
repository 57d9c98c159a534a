"""The socket layer of this service without sessions, for a fair look at other libraries."""
