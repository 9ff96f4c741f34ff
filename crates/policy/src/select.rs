//! Choosing the next candidate: filter first, rotate after, and never scan what the first usable one makes needless.

use std::time::Duration;

use standin_core::{Blame, Entry, ErrorClass, Moment, Operation, Scope, Turn, View};

use crate::{
    ask::{Ask, ConversationTurn},
    declare::Strategy,
    params::Params,
    routing::{Group, Place, RouteRow, Routing, Seat, Tier},
    standing::{Standing, is_plainly_out, standing},
    state::{Last, State},
    trail::{How, Skip, Trail},
};

/// How long a path that failed is left alone while healthier ones serve. A probe costs the request that makes it an
/// attempt, so a path that fails every few seconds must not be paid for every few seconds. It is longer than the
/// longest soft suspension, and hurts nobody: as soon as nothing healthier is left, the path is tried.
pub const PROBE_REST: Duration = Duration::from_secs(90);
/// A path that keeps failing is left alone for a multiple of [`PROBE_REST`]: once for each strike, up to this often.
pub(crate) const PROBE_REST_TIMES_MAX: u32 = 4;
/// A model that is not supported rarely becomes so: while others serve, it is left alone for this long, and doubling.
pub(crate) const UNSUPPORTED_REST: Duration = Duration::from_secs(1800);
/// Longest an unsupported model is left alone while others serve.
pub(crate) const UNSUPPORTED_REST_MAX: Duration = Duration::from_secs(6 * 3600);

/// Everything a choice looks at.
pub(crate) struct Sight<'a, V> {
    pub(crate) view: &'a V,
    pub(crate) now: Moment,
    pub(crate) routing: &'a Routing,
    pub(crate) route: &'a RouteRow,
    pub(crate) params: &'a Params,
    pub(crate) ask: &'a Ask,
    pub(crate) state: &'a State,
}

/// One choice, before it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) candidate: u32,
    pub(crate) place: Place,
    pub(crate) entry: Entry,
    pub(crate) how: How,
    pub(crate) turn: Option<Turn>,
    pub(crate) member_turn: Option<Turn>,
}

impl<V: View> Sight<'_, V> {
    /// The next candidate that is healthy or half-open, if there is one.
    pub(crate) fn pick(&self, trail: &mut Trail) -> Option<Pick> {
        let by_preference = match self.state.last {
            Some(last) if !self.is_first_of_round() => self.after(last, trail),
            _ => self.at_home(trail),
        };
        if by_preference.is_some() {
            return by_preference;
        }
        let mut tiers = (0..).zip(&self.route.tiers);
        tiers.find_map(|(number, tier)| self.in_tier(number, tier, None, trail))
    }

    fn is_first_of_round(&self) -> bool {
        self.state.tried.last().is_none_or(|tried| tried.round != self.state.round)
    }

    /// Where the state of this request or its conversation lives: that candidate, else another member there.
    fn at_home(&self, trail: &mut Trail) -> Option<Pick> {
        let layout = &self.routing.layout;
        if let Some(owner) = &self.ask.owner {
            return self.at_credential(layout.find_credential(owner)?, None, trail);
        }
        let affinity = self.ask.affinity.filter(|affinity| affinity.turn == ConversationTurn::Later)?;
        if !self.route.affinity {
            return None;
        }
        let home = self.view.binding(affinity.key, self.now)?;
        self.at_credential(layout.find_credential(&home.credential)?, layout.find(&home), trail)
    }

    fn at_credential(&self, credential: u32, wanted: Option<u32>, trail: &mut Trail) -> Option<Pick> {
        let mut fallback = None;
        for place in self.route.places(credential) {
            let (tier, _, seat) = self.route.seat(place);
            for candidate in tier.members(seat).iter().copied() {
                if wanted != Some(candidate) && fallback.is_some() {
                    continue;
                }
                // A conversation goes home as soon as its home is due: what is cached there is worth a probe.
                match self.usable(candidate) {
                    Ok(entry) => {
                        let how = How::Affinity;
                        let pick = Pick { candidate, place, entry, how, turn: None, member_turn: None };
                        if wanted.is_none_or(|wanted| wanted == candidate) {
                            return Some(pick);
                        }
                        fallback = Some(pick);
                    }
                    Err(why) => trail.skipped(candidate, why),
                }
            }
        }
        fallback
    }

    /// What a failure asks for before the normal order: another upstream, or another member on the same credential.
    fn after(&self, last: Last, trail: &mut Trail) -> Option<Pick> {
        let tier = &self.route.tiers[last.place.tier as usize];
        // An address that cannot be reached comes last already: all that is behind it is to blame.
        let upstream =
            (last.class == ErrorClass::Overloaded).then(|| self.routing.upstream_of(last.candidate));
        if upstream.is_some()
            && let Some(pick) = self.in_tier(last.place.tier, tier, upstream, trail)
        {
            return Some(Pick { how: How::Elsewhere, ..pick });
        }
        if last.scope == Scope::Credential {
            return None;
        }
        let (_, group, seat) = self.route.seat(last.place);
        let members = tier.members(seat);
        let failed = members.iter().position(|member| *member == last.candidate)?;
        let (candidate, entry, at) = self.member_from(group, members, failed + 1, trail)?;
        let member_turn = self.member_turn_of(group, seat, at);
        let how = How::SameCredential;
        Some(Pick { candidate, place: last.place, entry, how, turn: None, member_turn })
    }

    /// The next of a tier that does not belong to the upstream `avoid`.
    fn in_tier(&self, number: u32, tier: &Tier, avoid: Option<u32>, trail: &mut Trail) -> Option<Pick> {
        for (group, row) in (0..).zip(&tier.groups) {
            let place = Place { tier: number, group, seat: 0 };
            let pick = match row.strategy {
                Strategy::Weighted => self.weighted(place, tier, row, avoid, trail),
                Strategy::RoundRobin => {
                    let cursor = self.view.cursor(row.ring);
                    self.walk(place, tier, row, cursor, avoid, trail)
                }
                Strategy::FillFirst => self.walk(place, tier, row, 0, avoid, trail),
            };
            if pick.is_some() {
                return pick;
            }
        }
        None
    }

    /// The first usable seat from the cursor on.
    fn walk(
        &self,
        place: Place,
        tier: &Tier,
        group: &Group,
        cursor: u32,
        avoid: Option<u32>,
        trail: &mut Trail,
    ) -> Option<Pick> {
        let count = group.seats.len();
        let start = cursor as usize % count.max(1);
        for at in (start..count).chain(0..start) {
            let seat = &group.seats[at];
            if let Some((candidate, entry, member)) = self.in_seat(tier, group, seat, avoid, trail) {
                let seat_number = number(at);
                let turns = count > 1 && group.strategy == Strategy::RoundRobin && self.moves_cursors();
                return Some(Pick {
                    candidate,
                    place: Place { seat: seat_number, ..place },
                    entry,
                    how: How::Turn,
                    turn: turns.then(|| Turn::Cursor { ring: group.ring, from: cursor, to: seat_number + 1 }),
                    member_turn: self.member_turn_of(group, seat, member),
                });
            }
        }
        None
    }

    /// The usable seat that has used up the least of its share.
    fn weighted(
        &self,
        place: Place,
        tier: &Tier,
        group: &Group,
        avoid: Option<u32>,
        trail: &mut Trail,
    ) -> Option<Pick> {
        let time = self.view.ring_time(group.ring);
        let mut best: Option<(u64, u64, Pick)> = None;
        for (at, seat) in (0..).zip(&group.seats) {
            let used = self.view.pass(group.ring, at);
            // A seat that was away begins a turn behind the others: it gets no burst for what it missed.
            let start = if used < time { time.saturating_add(seat.stride) } else { used };
            if best.as_ref().is_some_and(|(least, ..)| *least <= start) {
                continue;
            }
            if let Some((candidate, entry, member)) = self.in_seat(tier, group, seat, avoid, trail) {
                let member_turn = self.member_turn_of(group, seat, member);
                let place = Place { seat: at, ..place };
                let pick = Pick { candidate, place, entry, how: How::Turn, turn: None, member_turn };
                best = Some((start, used, pick));
            }
        }
        let (start, from, pick) = best?;
        let (ring, seat) = (group.ring, pick.place.seat);
        let to = start.saturating_add(group.seats[seat as usize].stride);
        let turns = group.seats.len() > 1 && self.moves_cursors();
        Some(Pick { turn: turns.then_some(Turn::Pass { ring, seat, from, start, to }), ..pick })
    }

    fn in_seat(
        &self,
        tier: &Tier,
        group: &Group,
        seat: &Seat,
        avoid: Option<u32>,
        trail: &mut Trail,
    ) -> Option<(u32, Entry, usize)> {
        let members = tier.members(seat);
        let slot = self.routing.layout.credential_slot(seat.credential);
        if is_plainly_out(self.view.gate(slot), self.ask.operation, self.now) {
            members.iter().for_each(|member| trail.skipped(*member, Skip::Suspended));
            return None;
        }
        if avoid == Some(self.routing.layout.credential(seat.credential).upstream) {
            return None;
        }
        let start = match seat.member_ring {
            Some(ring) if group.strategy != Strategy::FillFirst => self.view.cursor(ring) as usize,
            _ => 0,
        };
        self.member_from(group, members, start, trail)
    }

    /// The first usable member from `start` on, around the pool.
    fn member_from(
        &self,
        group: &Group,
        members: &[u32],
        start: usize,
        trail: &mut Trail,
    ) -> Option<(u32, Entry, usize)> {
        let start = start % members.len().max(1);
        for at in (start..members.len()).chain(0..start) {
            let candidate = members[at];
            let slot = self.routing.layout.candidate_slot(candidate);
            if is_plainly_out(self.view.gate(slot), self.ask.operation, self.now) {
                trail.skipped(candidate, Skip::Suspended);
                continue;
            }
            match self.usable(candidate).and_then(|entry| self.rested(group, candidate, entry)) {
                Ok(entry) => return Some((candidate, entry, at)),
                Err(why) => trail.skipped(candidate, why),
            }
        }
        None
    }

    /// Whether the candidate may be tried now, and on what footing.
    fn usable(&self, candidate: u32) -> Result<Entry, Skip> {
        // Whatever the memory says of it: the path need not be read.
        if self.state.own_due(candidate) > self.now {
            return Err(Skip::Suspended);
        }
        let entry = match self.standing(candidate) {
            Standing::Ready => Entry::Free,
            Standing::HalfOpen => Entry::Probe,
            Standing::Busy | Standing::Tried => return Err(Skip::Probed),
            Standing::Soft(_) | Standing::SoftHalfOpen(_) => return Err(Skip::SoftlySuspended),
            Standing::Out(_) => return Err(Skip::Suspended),
        };
        match self.barred(candidate).or_else(|| self.spent(candidate)).or_else(|| self.crowded(candidate)) {
            Some(why) => Err(why),
            None => Ok(entry),
        }
    }

    /// Whether a probe is worth an attempt that a healthier path could have served.
    fn rested(&self, group: &Group, candidate: u32, entry: Entry) -> Result<Entry, Skip> {
        if entry != Entry::Probe || group.strategy == Strategy::FillFirst {
            return Ok(entry);
        }
        let path = self.routing.layout.path(candidate, self.ask.operation);
        let blames = path.into_iter().filter(|slot| !self.view.gate(*slot).is_open());
        let is_resting = |blame: Blame| blame.probed_at + rest(&blame) > self.now;
        let is_any_resting = blames.filter_map(|slot| self.view.blame(slot)).any(is_resting);
        if is_any_resting { Err(Skip::Resting) } else { Ok(entry) }
    }

    pub(crate) fn standing(&self, candidate: u32) -> Standing {
        let Self { view, now, routing, ask, state, .. } = self;
        let standing = standing(*view, &routing.layout, candidate, ask.operation, &state.tried, *now);
        match state.own_due(candidate) {
            due if due > *now => match standing {
                Standing::Out(other) => Standing::Out(other.max(due)),
                _ => Standing::Out(due),
            },
            _ => standing,
        }
    }

    /// What the request itself rules out, for good.
    pub(crate) fn barred(&self, candidate: u32) -> Option<Skip> {
        let limits = &self.state.limits;
        let number = self.routing.layout.row(candidate).credential;
        let credential = || &self.routing.layout.credential(number).id;
        if self.ask.speaking.as_ref().is_some_and(|speaking| speaking.get(number as usize) == Some(&false)) {
            return Some(Skip::OtherDialect);
        }
        if self.ask.pin.as_ref().is_some_and(|pin| pin != credential()) {
            return Some(Skip::NotPinned);
        }
        if limits.owner.as_ref().is_some_and(|owner| owner != credential()) {
            return Some(Skip::NotOwner);
        }
        if limits.incapable.iter().any(|model| model == self.routing.model_name(candidate)) {
            return Some(Skip::SameModel);
        }
        if let Some(above) = limits.context_above
            && self.routing.context_of(candidate).is_none_or(|tokens| tokens <= above)
        {
            return Some(Skip::ContextTooSmall);
        }
        (limits.too_large_for == Some(self.routing.upstream_of(candidate))).then_some(Skip::SameUpstream)
    }

    /// What this round rules out.
    pub(crate) fn spent(&self, candidate: u32) -> Option<Skip> {
        if self.state.was_tried_in_round(candidate) {
            return Some(Skip::Tried);
        }
        let credential = self.routing.layout.row(candidate).credential;
        let is_one_too_many = self.state.is_one_too_many(credential, self.params.credentials_max);
        is_one_too_many.then_some(Skip::CredentialsMax)
    }

    /// What the moment rules out.
    pub(crate) fn crowded(&self, candidate: u32) -> Option<Skip> {
        if !self.view.has_room(self.routing.layout.row(candidate).credential) {
            return Some(Skip::Full);
        }
        (!self.may_pay(candidate)).then_some(Skip::NoToken)
    }

    pub(crate) fn may_pay(&self, candidate: u32) -> bool {
        !self.state.follows_soft() || self.view.has_token(self.routing.upstream_of(candidate), self.now)
    }

    /// Counting moves no cursor.
    pub(crate) fn moves_cursors(&self) -> bool {
        self.ask.operation != Operation::CountTokens
    }

    fn member_turn_of(&self, group: &Group, seat: &Seat, member: usize) -> Option<Turn> {
        let ring =
            seat.member_ring.filter(|_| self.moves_cursors() && group.strategy != Strategy::FillFirst)?;
        Some(Turn::Cursor { ring, from: self.view.cursor(ring), to: number(member) + 1 })
    }
}

/// How long a path is left alone after its last failure while healthier ones serve.
fn rest(blame: &Blame) -> Duration {
    match blame.class {
        ErrorClass::ModelUnsupported => {
            let doubled = 1 << blame.strikes.saturating_sub(1).min(4);
            (UNSUPPORTED_REST * doubled).min(UNSUPPORTED_REST_MAX)
        }
        _ => PROBE_REST * blame.strikes.clamp(1, PROBE_REST_TIMES_MAX),
    }
}

/// A position as a number of a layout, which has checked that it fits.
pub(crate) fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
