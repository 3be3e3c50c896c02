//! The process metrics that every Prometheus client library exports, read from `/proc` when the page is requested. A
//! metric is omitted if `/proc` does not provide it.

use prometheus::{Counter, Gauge};

use super::register::Register;

/// The metrics of this process.
pub struct Process {
    cpu_seconds: Counter,
    open_fds: Gauge,
    max_fds: Gauge,
    virtual_bytes: Gauge,
    resident_bytes: Gauge,
    start_seconds: Gauge,
    threads: Gauge,
    os_fd_used: Gauge,
    os_fd_limit: Gauge,
}

impl Process {
    /// Registers the metrics.
    ///
    /// # Errors
    /// A name is registered twice.
    pub(super) fn register(register: &Register<'_>) -> prometheus::Result<Process> {
        let gauge = |name: &str, help: &str| register.keep(Gauge::new(name, help)?);
        Ok(Process {
            cpu_seconds: register.keep(Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?)?,
            open_fds: gauge("process_open_fds", "Number of open file descriptors.")?,
            max_fds: gauge(
                "process_max_fds",
                "Maximum number of open file descriptors.",
            )?,
            virtual_bytes: gauge(
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
            )?,
            resident_bytes: gauge(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
            )?,
            start_seconds: gauge(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
            threads: gauge(
                "go_threads",
                "Number of OS threads created; here: that exist now.",
            )?,
            os_fd_used: gauge("os_fd_used", "The number of used file descriptors.")?,
            os_fd_limit: gauge("os_fd_limit", "The file descriptor limit.")?,
        })
    }

    /// Updates the metrics.
    pub fn update(&self) {
        self.memory();
        self.descriptors();
        self.times();
    }

    fn memory(&self) {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let page_size = rustix::param::page_size() as f64;
        let mut pages = statm.split(' ').filter_map(|n| n.parse::<f64>().ok());
        if let (Some(virt), Some(resident)) = (pages.next(), pages.next()) {
            self.virtual_bytes.set(virt * page_size);
            self.resident_bytes.set(resident * page_size);
        }
    }

    fn descriptors(&self) {
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The directory itself is open while it is being read.
            let open = open.count().saturating_sub(1) as f64;
            self.open_fds.set(open);
            self.os_fd_used.set(open);
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        if let Some(limit) = limit.current {
            self.max_fds.set(limit as f64);
            self.os_fd_limit.set(limit as f64);
        }
    }

    /// proc(5): in `/proc/self/stat`, after the name in parentheses, which may contain spaces, the fields are numbered
    /// from 3; user and system time are 14 and 15, the number of threads is 20, the start time since boot is 22. Times
    /// are in clock ticks.
    fn times(&self) {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let field = |number: usize| {
            let mut fields = after_name.split_ascii_whitespace();
            fields.nth(number - 3)?.parse::<f64>().ok()
        };
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        if let (Some(user), Some(system)) = (field(14), field(15)) {
            let seconds = (user + system) / ticks;
            // Counters of this library can only be incremented.
            self.cpu_seconds
                .inc_by((seconds - self.cpu_seconds.get()).max(0.0));
        }
        if let Some(threads) = field(20) {
            self.threads.set(threads);
        }
        let system = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = system
            .lines()
            .find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok());
        if let (Some(boot), Some(start)) = (boot, field(22)) {
            self.start_seconds.set(boot + start / ticks);
        }
    }
}
