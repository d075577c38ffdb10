//! Metrics that are read on request instead of being counted.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Values read for one scrape.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Jobs in the queue, by kind; empty if they could not be counted, and then omitted.
    pub jobs: Vec<JobCount>,
    /// Number of running engine threads.
    pub engine_threads: usize,
    /// Number of images waiting for an engine thread, by urgency.
    pub engine_waiting: [(&'static str, usize); 2],
    /// Number of faces in the index.
    pub index_faces: usize,
}

/// Numbers of jobs of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// Name of the job kind.
    pub kind: &'static str,
    /// Jobs not claimed by a worker.
    pub waiting: i64,
    /// Jobs claimed by a worker.
    pub running: i64,
}

#[derive(Default)]
pub(super) struct Gauges {
    jobs: Family<InState, Gauge>,
    engine_threads: Gauge,
    engine_waiting: Family<OfUrgency, Gauge>,
    index_faces: Gauge,
    resident_memory: Gauge,
    virtual_memory: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUrgency {
    urgency: &'static str,
}

impl Gauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("queue_jobs", "Jobs in the queue", self.jobs.clone());
        registry.register("engine_threads", "Running engine threads", self.engine_threads.clone());
        registry.register(
            "engine_waiting_images",
            "Images waiting for an engine thread",
            self.engine_waiting.clone(),
        );
        registry.register("index_faces", "Faces in the index", self.index_faces.clone());
    }

    /// Uses the standard names of Prometheus client libraries.
    pub(super) fn register_process(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "process_resident_memory",
            "Resident memory",
            Unit::Bytes,
            self.resident_memory.clone(),
        );
        registry.register_with_unit(
            "process_virtual_memory",
            "Virtual memory",
            Unit::Bytes,
            self.virtual_memory.clone(),
        );
    }

    pub(super) fn set(&self, readings: &Readings) {
        let Readings { jobs, engine_threads, engine_waiting, index_faces } = readings;
        if jobs.is_empty() {
            self.jobs.clear();
        }
        for JobCount { kind, waiting, running } in jobs {
            for (state, count) in [("waiting", *waiting), ("running", *running)] {
                self.jobs.get_or_create(&InState { kind, state }).set(count);
            }
        }
        self.engine_threads.set(whole(*engine_threads));
        for (urgency, pictures) in engine_waiting {
            self.engine_waiting.get_or_create(&OfUrgency { urgency }).set(whole(*pictures));
        }
        self.index_faces.set(whole(*index_faces));
        if let Some(memory) = memory_stats::memory_stats() {
            self.resident_memory.set(whole(memory.physical_mem));
            self.virtual_memory.set(whole(memory.virtual_mem));
        }
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
