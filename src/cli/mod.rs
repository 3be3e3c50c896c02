//! The edge towards the person: arguments, settings, terminal, errors and exit codes.
