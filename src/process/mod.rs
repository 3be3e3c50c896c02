//! What the operating system does to this process: signals and limits. Everything here is safe to call from any
//! room; nothing here prints or exits, except [`signals::die_of`], which ends the process on purpose.

pub mod signals;
