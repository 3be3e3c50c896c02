//! What the operating system does to this process: signals and limits. Any module may call this one. Nothing here
//! prints or exits, except [`signals::die_of`], which ends the process on purpose.

pub mod signals;
