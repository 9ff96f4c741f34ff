//! One world with one seed under one contestant: who asks when, and in which order everything happens.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use standin_core::Moment;

use crate::{
    Figures, Violation, World,
    contestant::{Contestant, Move},
    dice::Dice,
    scene::{Plight, Scene},
};

/// How often it is looked who is kept away from although healthy.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Keeps the streams of throws apart.
const ARRIVALS: u64 = 2;

/// One request under way.
struct Request<F> {
    flight: F,
    plight: Plight,
}

/// One day under way.
pub(crate) struct Day<'w, C: Contestant> {
    contestant: C,
    scene: Scene<'w>,
    arrivals: Arrivals,
    /// Everybody who has come; whose request is over stands aside until the next one takes the place.
    requests: Vec<Request<C::Flight>>,
    free: Vec<u32>,
    /// When which request is due.
    agenda: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    events: u64,
}

impl<'w, C: Contestant> Day<'w, C> {
    pub(crate) fn new(world: &'w World, seed: u64, contestant: C) -> Self {
        Self {
            contestant,
            scene: Scene::new(world, seed),
            arrivals: Arrivals::new(world, seed),
            requests: Vec::new(),
            free: Vec::new(),
            agenda: BinaryHeap::new(),
            events: 0,
        }
    }

    /// Lives the day to its end: nobody comes any more, and everybody has been answered.
    pub(crate) fn live(mut self) -> Result<Figures, Violation> {
        let end = Moment::ZERO + self.scene.world.length();
        let mut look = Moment::ZERO + LOOK_EVERY;
        loop {
            let arrival = Some(self.arrivals.next()).filter(|at| *at < end);
            let due = self.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(next) = arrival.into_iter().chain(due).min() else { return Ok(self.scene.figures) };
            while look < next.min(end) {
                self.look(look);
                look = look + LOOK_EVERY;
            }
            self.scene.now = next;
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
        let (truth, figures) = (&self.scene.truth, &mut self.scene.figures);
        let count = truth.candidates();
        let is_wronged = |candidate: &u32| {
            self.contestant.avoids(*candidate, at) && truth.trouble(*candidate, at).is_none()
        };
        let wronged = (0..count).filter(is_wronged).count() as u64;
        figures.false_suspension_seconds += wronged * LOOK_EVERY.as_secs();
        figures.candidate_seconds += u64::from(count) * LOOK_EVERY.as_secs();
    }

    fn arrive(&mut self) -> Result<(), Violation> {
        let plight = self.scene.welcome();
        let at = match self.free.pop() {
            Some(at) => {
                let request = &mut self.requests[at as usize];
                self.contestant.begin_again(&mut request.flight, plight.number);
                request.plight = plight;
                at
            }
            None => {
                let flight = self.contestant.begin(plight.number);
                self.requests.push(Request { flight, plight });
                u32::try_from(self.requests.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.go_on(at)
    }

    /// The request's call has ended, or its wait: what it does next.
    fn go_on(&mut self, at: u32) -> Result<(), Violation> {
        let Self { contestant, scene, requests, .. } = self;
        let Request { flight, plight } = &mut requests[at as usize];
        if let Some(call) = plight.call.take() {
            let outcome = scene.hear(plight, &call);
            let recorded = contestant.record(flight, scene.now, outcome);
            recorded.map_err(|violation| violation.of(plight.number))?;
        }
        let next = contestant.next(flight, scene.now);
        let due = match next.map_err(|violation| violation.of(plight.number))? {
            Move::Call(candidate) => scene.call(plight, candidate),
            Move::Wait(until) => {
                scene.figures.waited += until.since(scene.now);
                until
            }
            Move::End => {
                scene.part(plight);
                self.free.push(at);
                return Ok(());
            }
        };
        self.events += 1;
        self.agenda.push(Reverse((due, self.events, at)));
        Ok(())
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
