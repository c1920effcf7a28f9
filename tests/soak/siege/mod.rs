//! An hour of attacks against two examples, and what their honest visitors notice: `tests/run --siege`.
//!
//! The examples run as a careful operator would start them. Those who attack are a process of their
//! own; they come from many addresses, several kinds at once, and others every few seconds.

mod attackers;
mod attacks;
mod diary;
mod events;
mod page;
mod schedule;
mod target;
mod verdict;
mod visitors;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use tokio::{sync::watch, task::JoinHandle, time::Instant};

pub(crate) use self::attackers::run as attack;
use self::{
    attackers::Attackers,
    diary::Diary,
    page::Pages,
    schedule::Schedule,
    target::{Kind, Memory, Target},
    verdict::Siege,
    visitors::Visits,
};
use crate::{Result, server::Server, soon, spawn};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// How long the attacks last.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// One of the examples alone.
    #[arg(long)]
    target: Option<Kind>,
    /// Kinds of attack that run all the time, such as `flood,pings`; all in turn without.
    #[arg(long, value_delimiter = ',')]
    only: Vec<attacks::Attack>,
    /// How many rounds to leave out first, to come to a certain one.
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// Where the examples' programs are; they are built without.
    #[arg(long)]
    examples: Option<PathBuf>,
    /// Where the servers' logs are kept; below the target folder without.
    #[arg(long)]
    logs: Option<PathBuf>,
}

/// Attacks the examples and prints a line for each; tells whether they keep the promise.
pub(crate) async fn run(options: Options) -> Result<bool> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let examples = match options.examples {
        Some(folder) => folder,
        None => target::build().await?,
    };
    let logs = match options.logs {
        Some(folder) => folder,
        None => target::folder()?.join("siege"),
    };
    let begin = Instant::now();
    let (stop, stopped) = watch::channel(false);
    let control = Server::with(&["--axum-ws"]).await?;
    let quiet = spawn(page::ask(control.address, begin, stopped.clone()));
    let mut beset = Vec::new();
    for kind in [Kind::Chat, Kind::HyperHost] {
        if options.target.is_none_or(|only| only == kind) {
            let target = Target::start(kind, &examples, &logs).await?;
            beset.push(Beset::begin(target, begin, &stopped));
        }
    }

    let time = Duration::from_secs_f64(options.minutes * 60.0);
    let schedule = Schedule::new(time, options.only, options.skip);
    let diary = attack_all(&schedule, begin, &beset).await?;
    stop.send_replace(true);
    let quiet = soon("the control's pages", quiet).await?;

    let mut all_hold = true;
    println!("| | promised | measured | |\n|---|---|---|---|");
    for beset in beset {
        let (mut target, siege) = beset.end().await?;
        let line = siege.judge(&mut target, &quiet).await?;
        all_hold &= line.holds();
        let verdict = if line.holds() { "holds" } else { "BROKEN" };
        println!(
            "| {} | {} | {line} | {verdict} |",
            target.kind,
            verdict::PROMISE
        );
        diary.print_worst(&siege.pages, &quiet, target.kind);
    }
    Ok(all_hold)
}

/// Runs all rounds, cuts off what the attackers have open then, and tells what was when.
async fn attack_all(schedule: &Schedule, begin: Instant, beset: &[Beset]) -> Result<Diary> {
    let mut attackers = Attackers::start()?;
    let mut diary = Diary::default();
    for round in schedule.rounds.clone() {
        let mut attacks = Vec::new();
        for (number, beset) in beset.iter().enumerate() {
            let target = &beset.target;
            let chosen = schedule.attacks(round, number);
            diary.note(begin.elapsed(), target.kind, &chosen);
            attacks.extend(
                chosen
                    .into_iter()
                    .map(|attack| (attack, target.kind, target.address)),
            );
        }
        attackers.attack(schedule.round, attacks).await?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    eprintln!(
        "soak: the attackers used {:.0} % of a processor",
        100.0 * attackers.processor()? / seconds
    );
    for beset in beset {
        let used = target::processor(beset.target.id)?;
        eprintln!(
            "soak: {} used {:.0} %",
            beset.target.kind,
            100.0 * used / seconds
        );
    }
    for (attack, tally) in attackers.end() {
        eprintln!(
            "soak: {attack}: {} done, {} stopped",
            tally.done, tally.stopped
        );
    }
    Ok(diary)
}

/// An example that is attacked, and those who use it meanwhile.
struct Beset {
    target: Target,
    pages: JoinHandle<Pages>,
    visits: JoinHandle<Result<Visits>>,
    memory: JoinHandle<Result<Memory>>,
}

impl Beset {
    fn begin(target: Target, begin: Instant, stopped: &watch::Receiver<bool>) -> Self {
        let pages = page::ask(target.address, begin, stopped.clone());
        let visits = visitors::come(target.kind, target.address, stopped.clone());
        let memory = target::watch(target.id, begin, stopped.clone());
        Self {
            pages: spawn(pages),
            visits: spawn(visits),
            memory: spawn(memory),
            target,
        }
    }

    async fn end(self) -> Result<(Target, Siege)> {
        let siege = Siege {
            pages: soon("the pages", self.pages).await?,
            visits: soon("the visitors", self.visits).await??,
            memory: soon("the memory", self.memory).await??,
        };
        Ok((self.target, siege))
    }
}
