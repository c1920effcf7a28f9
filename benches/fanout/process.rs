//! This program, started again in another role.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::error::Result;

/// This program in another role: it does a step for each line it gets and answers with a line.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, answers) = pipes.ok_or("the pipes are asked for above")?;
        Ok(Self {
            child,
            orders,
            answers: BufReader::new(answers),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it do its next step and waits for what it says.
    pub(crate) fn step(&mut self) -> Result<String> {
        self.orders.write_all(b"\n")?;
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("a process gave up, as it said above".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("fanout: a process is left over: {error}");
        }
    }
}
