//! Those who attack: a process of their own, on one thread, so that half of the machine is left.

use std::{collections::BTreeMap, net::SocketAddr, panic, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    runtime,
    task::{JoinSet, spawn_blocking},
    time::Instant,
};

use super::{
    attacks::{Aim, Attack, Tally},
    target::{Kind, processor},
};
use crate::{
    Result,
    process::{Process, obey},
};

/// What is attacked for how long, and how.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    seconds: f64,
    attacks: Vec<(Attack, Kind, SocketAddr)>,
}

pub(super) struct Attackers {
    process: Process,
    totals: BTreeMap<String, Tally>,
}

impl Attackers {
    pub(super) fn start() -> Result<Self> {
        Ok(Self {
            process: Process::start(&["attack".to_owned()])?,
            totals: BTreeMap::new(),
        })
    }

    pub(super) async fn attack(
        &mut self,
        time: Duration,
        attacks: Vec<(Attack, Kind, SocketAddr)>,
    ) -> Result<()> {
        let order = Order {
            seconds: time.as_secs_f64(),
            attacks,
        };
        let tallies: Vec<Tally> = self.process.ask(&order).await?;
        for ((attack, kind, _), tally) in order.attacks.iter().zip(tallies) {
            let name = format!("{kind} {attack:?}");
            self.totals.entry(name).or_default().add(tally);
        }
        Ok(())
    }

    /// The seconds of a processor that they have used.
    pub(super) fn processor(&self) -> Result<f64> {
        processor(self.process.id().ok_or("the attackers have ended")?)
    }

    /// Cuts all that they have open, and tells what they did.
    pub(super) fn end(self) -> BTreeMap<String, Tally> {
        self.totals
    }
}

/// Attacks as it is ordered to.
pub(crate) async fn run() -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    // An attacker who is cut off gives up, and is counted.
    panic::set_hook(Box::new(|_| {}));
    let one_thread = || {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(obey(async |order| all_at_once(order).await))
    };
    spawn_blocking(one_thread).await?
}

async fn all_at_once(order: Order) -> Result<Vec<Tally>> {
    let end = Instant::now() + Duration::from_secs_f64(order.seconds);
    let mut running = JoinSet::new();
    for (number, (attack, kind, address)) in order.attacks.iter().copied().enumerate() {
        let aim = Aim { kind, address, end };
        running.spawn(async move { (number, attack.run(aim).await) });
    }
    let mut tallies = vec![Tally::default(); order.attacks.len()];
    while let Some(done) = running.join_next().await {
        let (number, tally) = done?;
        tallies[number] = tally;
    }
    Ok(tallies)
}
