//! Which endpoints have connections, and which of them gets the next request: round robin over the connected ones, like
//! grpc-go's balancer of that name in etcd's client. Holds the state and makes decisions; `dial.rs` connects, and
//! `connect.rs` waits.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinSet, time::Instant};

use super::{
    cause::{Cause, Limit},
    connection::Connection,
    retry::{jitter, random},
};

/// Pauses before an endpoint is dialled again: grow from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_JITTER: f64 = 0.2;
/// While no connection is up, another endpoint is dialled if the previous ones have not answered within this time.
const STAGGER: Duration = Duration::from_millis(25);
/// Number of endpoints that are dialled at the same time.
const DIALS: usize = 16;
/// From this request on, all endpoints are connected. A command with a single request needs only one.
const SPREAD_FROM: u64 = 2;

/// The endpoints of a client, by their index.
pub struct Balancer {
    state: Mutex<State>,
    /// Notified when a waiting request should look again.
    pub changed: Notify,
}

struct State {
    /// Endpoints that are not connected, in the order in which they will be dialled.
    idle: VecDeque<usize>,
    /// Endpoints that could not be reached or were lost, and the time before which they are not dialled again.
    resting: BTreeSet<(Instant, usize)>,
    dialling: BTreeMap<usize, Dialling>,
    up: Vec<(usize, Connection)>,
    /// Index in `up` at which the search for the next request starts.
    next: usize,
    requests: u64,
    last_dial: Option<Instant>,
    /// Number of consecutive failures, for endpoints that have any.
    failures: BTreeMap<usize, u32>,
    /// Why the last attempt at an endpoint failed.
    causes: BTreeMap<usize, Cause>,
    /// The dials in progress. They end with the client.
    tasks: JoinSet<()>,
}

/// An attempt to connect.
#[derive(Clone, Copy)]
struct Dialling {
    since: Instant,
    /// Connected, but the server's SETTINGS have not arrived yet.
    connected: bool,
}

/// An endpoint that has just failed a request: another one is preferred until this time.
#[derive(Clone, Copy, Debug)]
pub struct Avoid {
    /// The endpoint.
    pub index: usize,
    /// The time until which another endpoint is preferred.
    pub until: Instant,
}

/// What a waiting request should do next.
pub enum Step {
    /// Use this connection.
    Use(usize, Connection),
    /// Wait until something changes, or until this time.
    Wait(Option<Instant>),
    /// No endpoint can ever be used.
    Never,
}

impl Balancer {
    /// For this number of endpoints. The first one to be dialled is chosen at random, so that clients spread over the
    /// members.
    pub fn new(endpoints: usize) -> Balancer {
        let mut idle: VecDeque<usize> = (0..endpoints).collect();
        idle.rotate_left(usize::try_from(random() % endpoints.max(1) as u64).unwrap_or(0));
        Balancer {
            state: Mutex::new(State {
                idle,
                resting: BTreeSet::new(),
                dialling: BTreeMap::new(),
                up: vec![],
                next: 0,
                requests: 0,
                last_dial: None,
                failures: BTreeMap::new(),
                causes: BTreeMap::new(),
                tasks: JoinSet::new(),
            }),
            changed: Notify::new(),
        }
    }

    /// Chooses a connection, or starts dialling with `dial` and returns how long to wait.
    pub fn step<F>(&self, now: Instant, avoid: Option<Avoid>, dial: impl Fn(usize) -> F) -> Step
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = self.state.lock();
        while state.tasks.try_join_next().is_some() {}
        state.remove_broken(now);
        state.wake_rested(now);

        // Prefer an endpoint other than the one that has just failed, if one may become available in time.
        let avoid = avoid.filter(|a| now < a.until && state.others_may_come(a.index));
        let chosen = state.choose(avoid.map(|a| a.index));
        if chosen.is_some() {
            state.requests += 1;
        }

        let all = chosen.is_some() && state.requests >= SPREAD_FROM;
        while let Some(index) = state.next_dial(now, chosen.is_some(), all) {
            let future = dial(index);
            state.tasks.spawn(future);
        }

        match chosen {
            Some((index, connection)) => Step::Use(index, connection),
            None if state.is_hopeless() => Step::Never,
            None => {
                let stagger = (!state.idle.is_empty())
                    .then(|| state.last_dial.unwrap_or(now) + STAGGER)
                    .filter(|_| state.dialling.len() < DIALS);
                let rested = state.resting.first().map(|(until, _)| *until);
                let avoid = avoid.map(|a| a.until);
                Step::Wait([stagger, rested, avoid].into_iter().flatten().min())
            }
        }
    }

    /// Dials the only endpoint immediately, if nothing has been tried yet.
    pub fn first_dial<F>(&self, dial: impl FnOnce(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = self.state.lock();
        if state.last_dial.is_none()
            && let Some(index) = state.idle.pop_front()
        {
            state.begin(index, Instant::now());
            state.tasks.spawn(dial(index));
        }
    }

    /// Number of consecutive failures of this endpoint.
    pub fn failures(&self, index: usize) -> u32 {
        let state = self.state.lock();
        state.failures.get(&index).copied().unwrap_or(0)
    }

    /// The endpoint is connected; only the server's SETTINGS are missing.
    pub fn connected(&self, index: usize) {
        if let Some(dialling) = self.state.lock().dialling.get_mut(&index) {
            *dialling = Dialling {
                since: Instant::now(),
                connected: true,
            };
        }
    }

    /// A dial has ended.
    pub fn dialled(&self, now: Instant, index: usize, result: Result<Connection, Cause>) {
        let mut state = self.state.lock();
        state.dialling.remove(&index);
        match result {
            Ok(connection) => {
                state.causes.remove(&index);
                state.up.push((index, connection));
            }
            Err(cause) => {
                state.causes.insert(index, cause);
                state.rest(index, now);
                // The next endpoint need not wait, now that this one has failed.
                state.last_dial = None;
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// A connection broke while it was used.
    pub fn lost(&self, index: usize, connection: &Connection, cause: Cause) {
        let mut state = self.state.lock();
        state.causes.insert(index, cause);
        if let Some(at) = state.up.iter().position(|(_, c)| c.is(connection)) {
            state.take_out(at, Instant::now());
        }
    }

    /// Drops all connections, because their servers have ended.
    pub fn disconnect(&self) {
        let mut state = self.state.lock();
        let ended = std::mem::take(&mut state.up);
        state.idle.extend(ended.into_iter().map(|(index, _)| index));
    }

    /// Records why an endpoint cannot be used.
    pub fn record(&self, index: usize, cause: Cause) {
        self.state.lock().causes.insert(index, cause);
    }

    /// Why the last attempt at an endpoint failed.
    pub fn cause(&self, index: usize) -> Option<Cause> {
        self.state.lock().causes.get(&index).cloned()
    }

    /// The causes for the endpoints that failed and for those that are still being dialled. `limit` is the time limit
    /// that was reached.
    pub fn causes(&self, limit: Limit) -> BTreeMap<usize, Cause> {
        let state = self.state.lock();
        let mut causes = state.causes.clone();
        for (index, dialling) in &state.dialling {
            let limit = Limit {
                length: dialling.since.elapsed().min(limit.length),
                flag: limit.flag,
            };
            causes.entry(*index).or_insert(match dialling.connected {
                true => Cause::Silent(limit),
                false => Cause::ConnectTimeout(limit),
            });
        }
        causes
    }
}

impl State {
    /// Drops connections that have ended.
    fn remove_broken(&mut self, now: Instant) {
        let mut at = 0;
        while at < self.up.len() {
            let (index, connection) = &self.up[at];
            if connection.usable() {
                at += 1;
            } else {
                self.causes.insert(*index, connection.broken("EOF"));
                self.take_out(at, now);
            }
        }
    }

    fn take_out(&mut self, at: usize, now: Instant) {
        let (index, connection) = self.up.remove(at);
        if connection.answered() {
            // The connection worked, so a new one probably will too.
            self.failures.remove(&index);
            self.idle.push_back(index);
        } else {
            self.rest(index, now);
        }
    }

    /// Keeps an endpoint from being dialled for a while.
    fn rest(&mut self, index: usize, now: Instant) {
        let failures = self.failures.entry(index).or_default();
        let pause = FIRST_PAUSE.mul_f64(1.6_f64.powi((*failures).min(16).cast_signed()));
        *failures = failures.saturating_add(1);
        let until = now + jitter(pause.min(LAST_PAUSE), PAUSE_JITTER);
        self.resting.insert((until, index));
    }

    fn wake_rested(&mut self, now: Instant) {
        while let Some((until, index)) = self.resting.first().copied()
            && until <= now
        {
            self.resting.pop_first();
            self.idle.push_back(index);
        }
    }

    /// Whether there is, or soon may be, a connection to another endpoint.
    fn others_may_come(&self, index: usize) -> bool {
        self.idle.iter().any(|i| *i != index)
            || self.dialling.keys().any(|i| *i != index)
            || self.up.iter().any(|(i, _)| *i != index)
    }

    fn choose(&mut self, avoid: Option<usize>) -> Option<(usize, Connection)> {
        let count = self.up.len();
        let at = (0..count)
            .map(|k| (self.next + k) % count)
            .find(|at| Some(self.up[*at].0) != avoid)?;
        self.next = at + 1;
        Some(self.up[at].clone())
    }

    /// The next endpoint to dial: one after the other while a request waits, or all of them if `all` is set.
    fn next_dial(&mut self, now: Instant, served: bool, all: bool) -> Option<usize> {
        let due = if served {
            all
        } else {
            self.dialling.is_empty()
                || self
                    .last_dial
                    .is_none_or(|last| now.duration_since(last) >= STAGGER)
        };
        if !due || self.dialling.len() >= DIALS {
            return None;
        }
        let index = self.idle.pop_front()?;
        self.begin(index, now);
        Some(index)
    }

    fn begin(&mut self, index: usize, now: Instant) {
        self.last_dial = Some(now);
        self.dialling.insert(
            index,
            Dialling {
                since: now,
                connected: false,
            },
        );
    }

    /// Whether every endpoint has failed permanently.
    fn is_hopeless(&self) -> bool {
        self.idle.is_empty()
            && self.dialling.is_empty()
            && self.up.is_empty()
            && self
                .resting
                .iter()
                .all(|(_, index)| self.causes.get(index).is_some_and(Cause::permanent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps with dials that never complete. Returns the dialled endpoints.
    fn step(balancer: &Balancer, now: Instant) -> (Vec<usize>, Step) {
        let dialled = Mutex::new(vec![]);
        let step = balancer.step(now, None, |index| {
            dialled.lock().push(index);
            std::future::pending()
        });
        (dialled.into_inner(), step)
    }

    #[tokio::test]
    async fn endpoints_are_dialled_one_after_the_other_up_to_the_bound() {
        let balancer = Balancer::new(3 * DIALS);
        let mut now = Instant::now();
        let mut all = vec![];
        for _ in 0..3 * DIALS {
            let (dialled, step) = step(&balancer, now);
            assert!(dialled.len() <= 1);
            all.extend(dialled);
            assert!(matches!(step, Step::Wait(_)));
            now += STAGGER;
        }
        assert_eq!(all.len(), DIALS);
        // A failed dial immediately makes room for the next.
        balancer.dialled(now, all[0], Err(Cause::Refused));
        assert_eq!(step(&balancer, now).0.len(), 1);
    }

    #[tokio::test]
    async fn a_failing_endpoint_rests_for_longer_each_time_and_returns() {
        let balancer = Balancer::new(1);
        let mut now = Instant::now();
        let mut pauses = vec![];
        for _ in 0..40 {
            assert_eq!(step(&balancer, now).0, [0]);
            balancer.dialled(now, 0, Err(Cause::Refused));
            let Step::Wait(Some(until)) = step(&balancer, now).1 else {
                panic!("it comes back");
            };
            pauses.push(until - now);
            now = until;
        }
        assert!(
            pauses[0] <= FIRST_PAUSE.mul_f64(1.0 + PAUSE_JITTER),
            "{pauses:?}"
        );
        assert!(pauses[3] > pauses[0], "{pauses:?}");
        let longest = LAST_PAUSE.mul_f64(1.0 + PAUSE_JITTER);
        assert!(pauses.iter().all(|pause| *pause <= longest), "{pauses:?}");
        assert!(
            pauses[39] >= LAST_PAUSE.mul_f64(1.0 - PAUSE_JITTER),
            "{pauses:?}"
        );
    }

    #[tokio::test]
    async fn the_client_gives_up_only_if_every_endpoint_fails_permanently() {
        let balancer = Balancer::new(2);
        let now = Instant::now();
        let first = step(&balancer, now).0[0];
        let name = Cause::NameNotFound("x".into());
        balancer.dialled(now, first, Err(name.clone()));
        let (second, wait) = step(&balancer, now);
        assert!(matches!(wait, Step::Wait(_)));
        balancer.dialled(now, second[0], Err(Cause::Refused));
        assert!(matches!(step(&balancer, now).1, Step::Wait(_)));
        balancer.record(second[0], name);
        assert!(matches!(step(&balancer, now).1, Step::Never));
    }
}
