//! One world with one seed under one contestant: who asks when, which call ends how, and what is counted.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use standin_core::{ErrorClass, Moment, Outcome, Scope};

use crate::{
    Figures, Violation, World,
    contestant::{Contestant, Move},
    dice::{Dice, chance_at},
    told::Told,
    truth::{SERVED, Trouble, Truth, failure},
};

/// How often it is looked who is kept away from although healthy.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A refusal comes this many times faster than an answer.
const REFUSAL_SPEED: u32 = 8;
/// Keeps the streams of throws apart.
const ARRIVALS: u64 = 2;
const CALLS: u64 = 3;
const CALLER_FAULTS: u64 = 0xca11;

/// One request under way, as the world sees it.
struct Request<F> {
    number: u64,
    flight: F,
    is_wrong: bool,
    was_servable: bool,
    is_served: bool,
    attempts: u32,
    has_unknown_fate: bool,
    call: Option<Call>,
}

/// One call under way.
struct Call {
    candidate: u32,
    result: Answer,
}

/// How a call is going to end.
#[derive(Clone, Copy)]
enum Answer {
    Served,
    /// Executed, and the answer was lost.
    Swallowed,
    /// A fault that nothing predicts.
    Unlucky,
    CallersFault,
    Refused(Trouble),
}

/// One day under way.
pub(crate) struct Day<'w, C: Contestant> {
    world: &'w World,
    seed: u64,
    contestant: C,
    truth: Truth,
    told: Told,
    now: Moment,
    arrivals: Arrivals,
    calls: Dice,
    requests: Vec<Option<Request<C::Flight>>>,
    free: Vec<u32>,
    /// When which request is due.
    agenda: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    events: u64,
    figures: Figures,
}

impl<'w, C: Contestant> Day<'w, C> {
    pub(crate) fn new(world: &'w World, seed: u64, contestant: C) -> Self {
        let truth = Truth::new(world, seed);
        Self {
            world,
            seed,
            contestant,
            told: Told::nothing(&truth),
            truth,
            now: Moment::ZERO,
            arrivals: Arrivals::new(world, seed),
            calls: Dice::new(seed, CALLS),
            requests: Vec::new(),
            free: Vec::new(),
            agenda: BinaryHeap::new(),
            events: 0,
            figures: Figures::default(),
        }
    }

    /// Lives the day to its end: nobody comes any more, and everybody has been answered.
    pub(crate) fn live(mut self) -> Result<Figures, Violation> {
        let end = Moment::ZERO + self.world.length();
        let mut look = Moment::ZERO + LOOK_EVERY;
        loop {
            let arrival = Some(self.arrivals.next()).filter(|at| *at < end);
            let due = self.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(next) = arrival.into_iter().chain(due).min() else { return Ok(self.figures) };
            while look < next.min(end) {
                self.look(look);
                look = look + LOOK_EVERY;
            }
            self.now = next;
            if due == Some(next) {
                if let Some(Reverse((.., request))) = self.agenda.pop() {
                    self.go_on(request)?;
                }
            } else {
                for _ in 0..self.arrivals.take() {
                    self.arrive()?;
                }
            }
        }
    }

    fn look(&mut self, at: Moment) {
        let count = self.truth.candidates();
        let is_wronged = |candidate: &u32| {
            self.contestant.avoids(*candidate, at) && self.truth.trouble(*candidate, at).is_none()
        };
        let wronged = (0..count).filter(is_wronged).count() as u64;
        self.figures.false_suspension_seconds += wronged * LOOK_EVERY.as_secs();
        self.figures.candidate_seconds += u64::from(count) * LOOK_EVERY.as_secs();
    }

    fn arrive(&mut self) -> Result<(), Violation> {
        let number = self.figures.requests;
        let is_wrong = chance_at(self.seed ^ CALLER_FAULTS, number, self.world.traffic.caller_faults);
        self.figures.requests += 1;
        self.figures.caller_faults += u64::from(is_wrong);
        let request = Request {
            number,
            flight: self.contestant.begin(number),
            is_wrong,
            was_servable: self.truth.is_servable(self.now),
            is_served: false,
            attempts: 0,
            has_unknown_fate: false,
            call: None,
        };
        let at = self.free.pop().unwrap_or_else(|| {
            self.requests.push(None);
            u32::try_from(self.requests.len() - 1).unwrap_or(u32::MAX)
        });
        self.requests[at as usize] = Some(request);
        self.go_on(at)
    }

    /// The request's call has ended, or its wait: what it does next.
    fn go_on(&mut self, at: u32) -> Result<(), Violation> {
        let Some(mut request) = self.requests[at as usize].take() else { return Ok(()) };
        if let Some(call) = request.call.take() {
            let outcome = self.hear(&mut request, &call);
            let recorded = self.contestant.record(&mut request.flight, self.now, outcome);
            recorded.map_err(|violation| violation.of(request.number))?;
        }
        let next = self.contestant.next(&mut request.flight, self.now);
        let due = match next.map_err(|violation| violation.of(request.number))? {
            Move::Call(candidate) => self.call(&mut request, candidate),
            Move::Wait(until) => {
                self.figures.waited += until.since(self.now);
                until
            }
            Move::End => {
                self.free.push(at);
                self.part(&request);
                return Ok(());
            }
        };
        self.requests[at as usize] = Some(request);
        self.events += 1;
        self.agenda.push(Reverse((due, self.events, at)));
        Ok(())
    }

    /// Begins a call, and answers when it will have ended.
    fn call(&mut self, request: &mut Request<C::Flight>, candidate: u32) -> Moment {
        let trouble = self.truth.trouble(candidate, self.now);
        let number = self.figures.attempts;
        let is_hopeless = match (request.is_wrong, trouble) {
            (true, _) => request.attempts > 0,
            (false, Some(trouble)) => self.told.knows(candidate, trouble),
            (false, None) => false,
        };
        let result = match trouble {
            _ if request.is_wrong => Answer::CallersFault,
            Some(trouble) => Answer::Refused(trouble),
            None if self.truth.is_unlucky(number) => Answer::Unlucky,
            None => {
                self.truth.spend(candidate, self.now);
                if self.truth.is_swallowed(number) { Answer::Swallowed } else { Answer::Served }
            }
        };
        request.attempts += 1;
        request.call = Some(Call { candidate, result });
        self.figures.attempts += 1;
        self.figures.caller_fault_attempts += u64::from(request.is_wrong);
        self.figures.wasted += u64::from(is_hopeless);
        self.figures.possible_duplicates += u64::from(request.has_unknown_fate);
        let lasts = self.calls.between(self.world.traffic.call);
        let is_quick = matches!(result, Answer::Refused(_) | Answer::CallersFault | Answer::Unlucky);
        self.now + if is_quick { lasts / REFUSAL_SPEED } else { lasts }
    }

    /// What the upstream says at the end of a call.
    fn hear(&mut self, request: &mut Request<C::Flight>, call: &Call) -> Outcome {
        self.figures.faults += u64::from(!matches!(call.result, Answer::Served));
        match call.result {
            Answer::Served => {
                request.is_served = true;
                SERVED
            }
            Answer::Swallowed => {
                request.has_unknown_fate = true;
                failure(ErrorClass::Timeout, Scope::Candidate, 0, None)
            }
            Answer::Unlucky => failure(ErrorClass::ServerError, Scope::Candidate, 500, None),
            Answer::CallersFault => failure(ErrorClass::InvalidRequest, Scope::Request, 400, None),
            Answer::Refused(trouble) => {
                self.told.learn(call.candidate, trouble);
                self.truth.answer(call.candidate, trouble, self.now)
            }
        }
    }

    /// The request is over.
    fn part(&mut self, request: &Request<C::Flight>) {
        let is_lost = || request.was_servable || self.truth.is_servable(self.now);
        let count = match (request.is_wrong, request.is_served) {
            (true, _) if request.attempts == 0 => return,
            (true, _) => &mut self.figures.caller_faults_asked,
            (false, true) => &mut self.figures.served,
            (false, false) if is_lost() => &mut self.figures.lost,
            (false, false) => &mut self.figures.hopeless,
        };
        *count += 1;
    }
}

/// When requests come.
struct Arrivals {
    dice: Dice,
    mean: Duration,
    single: Moment,
    burst: Option<(Duration, Moment)>,
    burst_size: u32,
}

impl Arrivals {
    fn new(world: &World, seed: u64) -> Self {
        let mut dice = Dice::new(seed, ARRIVALS);
        let traffic = &world.traffic;
        let mean = Duration::from_secs_f64(3600.0 / traffic.requests_per_hour);
        let single = Moment::ZERO + dice.gap(mean);
        let burst = traffic.burst_every.map(|apart| (apart, Moment::ZERO + dice.gap(apart)));
        Self { dice, mean, single, burst, burst_size: traffic.burst_size }
    }

    /// When the next requests come.
    fn next(&self) -> Moment {
        self.burst.map_or(self.single, |(_, burst)| burst.min(self.single))
    }

    /// How many they are.
    fn take(&mut self) -> usize {
        match &mut self.burst {
            Some((apart, burst)) if *burst <= self.single => {
                *burst = *burst + self.dice.gap(*apart);
                1 + self.dice.below(self.burst_size as usize)
            }
            _ => {
                self.single = self.single + self.dice.gap(self.mean);
                1
            }
        }
    }
}
