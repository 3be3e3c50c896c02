//! Creates metrics and registers them in the same step. Knows no metric by name.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

/// Creates metrics of a registry.
pub(super) struct Register<'a>(pub &'a Registry);

impl Register<'_> {
    /// Registers a metric.
    ///
    /// # Errors
    /// Its name is in use.
    pub fn keep<C: Collector + Clone + 'static>(&self, metric: C) -> prometheus::Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// A counter.
    ///
    /// # Errors
    /// The name is invalid or in use.
    pub fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.keep(IntCounter::new(name, help)?)
    }

    /// A counter for each combination of labels.
    ///
    /// # Errors
    /// The name or a label is invalid, or the name is in use.
    pub fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// A gauge of integers.
    ///
    /// # Errors
    /// The name is invalid or in use.
    pub fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.keep(IntGauge::new(name, help)?)
    }

    /// A gauge for each combination of labels.
    ///
    /// # Errors
    /// The name or a label is invalid, or the name is in use.
    pub fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntGaugeVec> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// A histogram for each combination of labels.
    ///
    /// # Errors
    /// A bucket, the name or a label is invalid, or the name is in use.
    pub fn histograms(
        &self,
        opts: HistogramOpts,
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        self.keep(HistogramVec::new(opts, labels)?)
    }
}
