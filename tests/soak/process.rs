use std::{env, process::Stdio};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{Result, soon};

/// This program in another role: it answers each line of JSON with one.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, answers) = pipes.ok_or("the pipes are asked for above")?;
        Ok(Self {
            child,
            orders,
            answers: BufReader::new(answers).lines(),
        })
    }

    /// Has it do something and waits for what came of it.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> Result<T> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await?;
        self.answer().await
    }

    pub(crate) async fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.answers.next_line().await?;
        let line = line.ok_or("a process gave up, as it said above")?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Stops all its threads where they are, as a laptop that is closed does.
    pub(crate) async fn freeze(&self) -> Result<()> {
        let id = self.id().ok_or("the process has ended")?;
        let mut kill = Command::new("kill");
        let sent = soon("a signal", kill.args(["-STOP", &id.to_string()]).status()).await?;
        if sent.success() {
            Ok(())
        } else {
            Err("the process takes no signal".into())
        }
    }
}

/// Answers orders from the standard input until it ends.
pub(crate) async fn obey<O, A>(mut act: impl AsyncFnMut(O) -> Result<A>) -> Result<()>
where
    O: DeserializeOwned,
    A: Serialize,
{
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        say(&act(serde_json::from_str(&order)?).await?)?;
    }
    Ok(())
}

pub(crate) fn say(answer: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}
