//! When no candidate is healthy: what is softly out, what can be waited for, what may be tried as a last resort, and
//! what there is to say about it. One pass each, over the whole route, without allocating.

use standin_core::{Blame, Entry, ErrorClass, Moment, Operation, ScopeKey, Turn, View};

use crate::{
    declare::Strategy,
    ending::Family,
    routing::Place,
    select::{Pick, Sight, number},
    standing::Standing,
    trail::How,
};

/// What a route has to offer when nothing is healthy.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// The candidate to use when nothing is healthy and rested: half-open, else softly suspended and due soonest.
    pub(crate) soft: Option<(Moment, Pick)>,
    /// When the first candidate may be tried in a further round.
    pub(crate) earliest: Option<Moment>,
    /// Somebody's probe may open a path.
    pub(crate) is_probed: bool,
    /// Somebody's last resort may open a path.
    pub(crate) is_tried: bool,
    /// A usable credential carries all it may.
    pub(crate) is_full: bool,
    /// A usable path costs a token that its upstream's budget does not have.
    pub(crate) lacks_token: bool,
}

/// What the suspensions of a route say to the caller.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// When the first path is due again.
    pub(crate) deadline: Option<Moment>,
    /// The most useful class among them, and what it is keyed by.
    pub(crate) cause: Option<(ErrorClass, ScopeKey)>,
    /// Whether anything is left that this request could use at all.
    pub(crate) has_candidates: bool,
}

impl<V: View> Sight<'_, V> {
    fn each(&self, mut visit: impl FnMut(u32, Place)) {
        for (tier_number, tier) in (0..).zip(&self.route.tiers) {
            for (group_number, group) in (0..).zip(&tier.groups) {
                let count = group.seats.len();
                let is_turning = group.strategy == Strategy::RoundRobin;
                let start = if is_turning { self.view.cursor(group.ring) as usize % count.max(1) } else { 0 };
                for at in (start..count).chain(0..start) {
                    let place = Place { tier: tier_number, group: group_number, seat: number(at) };
                    tier.members(&group.seats[at]).iter().for_each(|member| visit(*member, place));
                }
            }
        }
    }

    /// Looks at every candidate that this request may still use.
    pub(crate) fn survey(&self) -> Outlook {
        let mut outlook = Outlook::default();
        self.each(|candidate, place| {
            if self.barred(candidate).is_none() {
                self.add(&mut outlook, candidate, place);
            }
        });
        outlook
    }

    fn add(&self, outlook: &mut Outlook, candidate: u32, place: Place) {
        let free_from = match self.standing(candidate) {
            Standing::Ready | Standing::HalfOpen | Standing::Soft(_) | Standing::SoftHalfOpen(_) => self.now,
            Standing::Busy => {
                outlook.is_probed = true;
                return;
            }
            Standing::Tried => {
                outlook.is_tried = true;
                return;
            }
            Standing::Out(due) => due,
        };
        if free_from > self.now || self.spent(candidate).is_some() {
            if self.may_pay(candidate) {
                outlook.earliest = Some(outlook.earliest.map_or(free_from, |other| other.min(free_from)));
            } else {
                outlook.lacks_token = true;
            }
            return;
        }
        if !self.view.has_room(self.routing.layout.row(candidate).credential) {
            outlook.is_full = true;
        } else if !self.may_pay(candidate) {
            outlook.lacks_token = true;
        } else {
            self.offer(outlook, candidate, place);
        }
    }

    /// A path that comes last: a half-open one that was to rest goes before those that are not due yet.
    fn offer(&self, outlook: &mut Outlook, candidate: u32, place: Place) {
        let (due, entry, how) = match self.standing(candidate) {
            Standing::Soft(due) => (due.max(self.now), Entry::SoftLast, How::SoftLast),
            Standing::SoftHalfOpen(due) => (due.max(self.now), Entry::Probe, How::SoftLast),
            Standing::HalfOpen => (Moment::ZERO, Entry::Probe, How::Unrested),
            _ => return,
        };
        if outlook.soft.is_none_or(|(soonest, _)| due < soonest) {
            outlook.soft = Some((due, self.pick_at(candidate, place, entry, how)));
        }
    }

    fn pick_at(&self, candidate: u32, place: Place, entry: Entry, how: How) -> Pick {
        let (_, group, _) = self.route.seat(place);
        let turns = group.strategy == Strategy::RoundRobin && group.seats.len() > 1 && self.moves_cursors();
        let from = self.view.cursor(group.ring);
        let turn = turns.then_some(Turn::Cursor { ring: group.ring, from, to: place.seat + 1 });
        Pick { candidate, place, entry, how, turn, member_turn: None }
    }

    /// The path whose last probe is oldest, if its credential has been left alone for long enough; of several, the one
    /// that least is held against: asking for a member that is out itself says nothing about its credential.
    pub(crate) fn last_resort(&self) -> Option<Pick> {
        if self.ask.pin.is_some() || self.ask.operation == Operation::CountTokens {
            return None;
        }
        let mut best: Option<((Moment, usize), u32, Place)> = None;
        self.each(|candidate, place| {
            let is_usable = self.barred(candidate).is_none()
                && self.spent(candidate).is_none()
                && self.crowded(candidate).is_none()
                && !self.is_own_failure(candidate);
            let credential = self.routing.layout.row(candidate).credential;
            let interval = self.params.last_resort_interval;
            let rested_since = self.view.probed_at(credential);
            if !is_usable || rested_since + interval > self.now {
                return;
            }
            let Some(blame) = self.worst(candidate).map(|(blame, _)| blame) else { return };
            let rank = (rested_since, self.held_against(candidate));
            let is_promised = blame.is_hinted && blame.until.since(self.now) <= self.params.probe_max;
            let is_rested = blame.probed_at + interval <= self.now;
            if is_rested && !is_promised && best.is_none_or(|(least, ..)| rank < least) {
                best = Some((rank, candidate, place));
            }
        });
        let (_, candidate, place) = best?;
        Some(self.pick_at(candidate, place, Entry::LastResort, How::LastResort))
    }

    /// How many scopes of the candidate's path are out.
    fn held_against(&self, candidate: u32) -> usize {
        let path = self.routing.layout.path(candidate, self.ask.operation);
        path.into_iter().filter(|slot| !self.view.gate(*slot).is_open()).count()
    }

    /// Whether this request itself has just failed on a scope of the candidate.
    fn is_own_failure(&self, candidate: u32) -> bool {
        let path = self.routing.layout.path(candidate, self.ask.operation);
        let mut fresh = self.state.tried.iter().filter_map(|tried| tried.fresh);
        fresh.any(|fresh| path.contains(&fresh.slot))
    }

    /// What keeps the candidate out longest, and at which place of its path; of equals the widest. Its `probed_at` is
    /// the latest of all that blame it.
    fn worst(&self, candidate: u32) -> Option<(Blame, usize)> {
        let path = self.routing.layout.path(candidate, self.ask.operation);
        let mut worst: Option<(Blame, usize)> = None;
        for (at, slot) in path.into_iter().enumerate() {
            // Most are clean, and what stands behind a gate is read only where it is shut.
            if self.view.gate(slot).is_open() {
                continue;
            }
            let Some(blame) = self.view.blame(slot) else { continue };
            worst = Some(match worst {
                None => (blame, at),
                Some((longest, place)) => {
                    let probed_at = longest.probed_at.max(blame.probed_at);
                    let (longest, place) =
                        if blame.until > longest.until { (blame, at) } else { (longest, place) };
                    (Blame { probed_at, ..longest }, place)
                }
            });
        }
        worst
    }

    /// What the suspensions of the route say, for the report.
    pub(crate) fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::default();
        self.each(|candidate, _| {
            if self.barred(candidate).is_some() {
                return;
            }
            verdict.has_candidates = true;
            let own = self.state.own_due(candidate);
            let worst = self.worst(candidate);
            let until = match self.standing(candidate) {
                Standing::Ready | Standing::HalfOpen => self.now,
                Standing::Busy | Standing::Tried => worst.map_or(self.now, |(blame, _)| blame.until),
                Standing::Soft(due) | Standing::SoftHalfOpen(due) => due,
                Standing::Out(due) => worst.map_or(due, |(blame, _)| blame.until.max(own)),
            };
            verdict.deadline = Some(verdict.deadline.map_or(until, |other| other.min(until)));
            let Some((blame, at)) = worst else { return };
            let is_better =
                |(class, _): &(ErrorClass, ScopeKey)| Family::of(blame.class) < Family::of(*class);
            if verdict.cause.as_ref().is_none_or(is_better) {
                let key = self.routing.layout.path_key(candidate, self.ask.operation, at);
                verdict.cause = Some((blame.class, key));
            }
        });
        verdict
    }
}
