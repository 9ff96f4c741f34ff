//! What becomes of one request in a world: whether somebody could have served it, and how each of its calls ends.

use standin_core::{ErrorClass, Moment, Outcome, Scope};

use crate::{
    Figures, World,
    dice::{Dice, chance_at},
    told::Told,
    truth::{SERVED, Trouble, Truth, failure},
};

/// A refusal comes this many times faster than an answer.
const REFUSAL_SPEED: u32 = 8;
/// Keeps the streams of throws apart.
const CALLS: u64 = 3;
const CALLER_FAULTS: u64 = 0xca11;

/// One request, as the world sees it.
pub(crate) struct Plight {
    pub(crate) number: u64,
    is_wrong: bool,
    was_servable: bool,
    is_served: bool,
    attempts: u32,
    has_unknown_fate: bool,
    pub(crate) call: Option<Call>,
}

/// One call under way.
pub(crate) struct Call {
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

/// A world at one moment, and what has been counted so far.
pub(crate) struct Scene<'w> {
    pub(crate) world: &'w World,
    pub(crate) truth: Truth,
    pub(crate) now: Moment,
    pub(crate) figures: Figures,
    seed: u64,
    told: Told,
    calls: Dice,
}

impl<'w> Scene<'w> {
    pub(crate) fn new(world: &'w World, seed: u64) -> Self {
        let truth = Truth::new(world, seed);
        Self {
            world,
            now: Moment::ZERO,
            figures: Figures::default(),
            seed,
            told: Told::nothing(&truth),
            calls: Dice::new(seed, CALLS),
            truth,
        }
    }

    /// Somebody asks.
    pub(crate) fn welcome(&mut self) -> Plight {
        let number = self.figures.requests;
        let is_wrong = chance_at(self.seed ^ CALLER_FAULTS, number, self.world.traffic.caller_faults);
        self.figures.requests += 1;
        self.figures.caller_faults += u64::from(is_wrong);
        Plight {
            number,
            is_wrong,
            was_servable: self.truth.is_servable(self.now),
            is_served: false,
            attempts: 0,
            has_unknown_fate: false,
            call: None,
        }
    }

    /// Begins a call, and answers when it will have ended.
    pub(crate) fn call(&mut self, request: &mut Plight, candidate: u32) -> Moment {
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
    pub(crate) fn hear(&mut self, request: &mut Plight, call: &Call) -> Outcome {
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
    pub(crate) fn part(&mut self, request: &Plight) {
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
