//! The cases: what happens, at random, and with how much room.

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_oneof, proptest};
use tokio::runtime;

use super::{
    client::CLIENTS,
    world::{Except, Room, Step, To, World},
};

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS.len();
    let to = prop_oneof![
        3 => Just(To::Lobby),
        1 => Just(To::Values),
        2 => Just(To::Room),
        1 => (0..CLIENTS.len()).prop_map(To::User),
        1 => Just(To::All),
    ];
    let except = prop_oneof![
        4 => Just(Except::None),
        1 => (0..CLIENTS.len()).prop_map(Except::User),
        1 => Just(Except::Followers),
    ];
    prop_oneof![
        8 => (to, except, 0_usize..400).prop_map(|(to, except, size)| Step::Publish { to, except, size }),
        2 => client.clone().prop_map(Step::Connect),
        1 => client.clone().prop_map(Step::Enter),
        2 => client.clone().prop_map(Step::Resume),
        3 => client.clone().prop_map(Step::Read),
        1 => client.clone().prop_map(Step::Stall),
        4 => client.clone().prop_map(Step::Cut),
        1 => client.clone().prop_map(Step::Close),
        4 => client.prop_map(Step::Return),
        1 => (1_u64..40).prop_map(Step::Wait),
    ]
}

fn room() -> impl Strategy<Value = Room> {
    let queue = prop_oneof![Just(2_500), Just(1_000_000)];
    let history = prop_oneof![1 => Just(6_000), 3 => Just(1_000_000)];
    (queue, history).prop_map(|(queue, history)| Room { queue, history })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn each_client_has_what_was_published_to_it_or_was_told_of_a_gap(
        room in room(),
        steps in prop::collection::vec(step(), 0..32),
    ) {
        let runtime = runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new(room);
            world.begin().await;
            for step in steps {
                world.take(step).await;
            }
            world.end().await;
        });
    }
}
