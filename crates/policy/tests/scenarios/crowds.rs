//! Many requests at once: what a path that dies may cost, and who looks whether it is well again.

use std::time::Duration;

use crate::transcript::{Flight, World};

/// So many requests, each until its first call; answers with how many went to `candidate`.
fn crowd(world: &mut World, count: usize, candidate: &str) -> (Vec<Flight>, usize) {
    let mut flights: Vec<_> = (0..count).map(|_| world.begin("").0).collect();
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    let there = flights.iter().filter(|flight| flight.path.starts_with(candidate)).count();
    (flights, there)
}

fn serve(world: &mut World, flights: &mut [Flight]) {
    for flight in flights {
        world.answer(flight, "ok");
        assert!(world.advance(flight).is_some(), "served is the end");
    }
}

#[test]
fn n3_when_a_path_dies_under_sixty_four_requests_only_those_in_the_air_are_wasted_on_it() {
    for (dies, due) in [("auth_failed", 1800), ("rate_limited(40s)", 40), ("server_error", 1)] {
        // The retry budget has a say after soft failures; here it shall not run out.
        let mut world = World::with("c1/m1 c2/m1", |_, params| params.retry_budget_burst = 64);
        let (mut flights, in_the_air) = crowd(&mut world, 64, "c1/m1");
        assert_eq!(in_the_air, 32);
        for (number, flight) in flights.iter_mut().enumerate() {
            if flight.path.starts_with("c1/m1") {
                // No two server errors have the same words.
                world.answer(flight, &format!("{dies}#{}", number + 1));
                assert_eq!(world.advance(flight), None);
                assert_eq!(flight.path.matches("c1/m1").count(), 1, "{dies}: {}", flight.path);
            }
        }
        serve(&mut world, &mut flights);
        let (mut flights, asked) = crowd(&mut world, 64, "c1/m1");
        assert_eq!(asked, 0, "{dies}: a path that is out costs nothing");
        serve(&mut world, &mut flights);

        // Long enough to have rested, whatever it was.
        world.now = world.now + Duration::from_secs(due.max(400));
        let (mut flights, probes) = crowd(&mut world, 64, "c1/m1");
        assert_eq!(probes, 1, "{dies}: exactly one looks whether it is well again");
        serve(&mut world, &mut flights);
        let (_, there) = crowd(&mut world, 64, "c1/m1");
        assert_eq!(there, 32, "{dies}: it is, and has its share, without a burst");
    }
}

#[test]
fn n3_on_the_only_path_one_of_sixty_four_probes_and_the_others_wait_for_what_it_finds() {
    let mut world = World::new("c1/m1");
    world.tells("auth_failed => c1/m1 | auth_failed 1800s\n+1800s");
    let now = world.now;
    let mut flights: Vec<_> = (0..64).map(|_| world.begin("").0).collect();
    let mut probe = flights.remove(0);
    assert_eq!(world.advance(&mut probe), None);
    for flight in &mut flights {
        let ready = standin_policy::step(&mut flight.run, world.session(), now);
        assert!(matches!(ready, standin_policy::Ready::Wait { .. }), "{ready:?}");
    }
    world.answer(&mut probe, "ok");
    for flight in &mut flights {
        assert_eq!(world.advance(flight), None);
        assert_eq!(flight.path, "c1/m1 ");
    }
}
