//! Appends entries to Redis and reads them back.

use redis::{Pipeline, ServerError, Value};

use super::{
    connect,
    link::{RedisLink, Refusal},
    place::RedisServer,
    scripts::{self, Script},
};
use crate::history::{
    append::Appended,
    error::{HistoryError, HistoryErrorKind},
    read::{Page, Read},
    remote::{Driver, Job, NoPage, Server},
};

type Answer = Result<Appended, HistoryError>;

impl Server for RedisServer {
    type Link = RedisLink;

    async fn connect(&self) -> Result<(RedisLink, Driver), String> {
        connect::connect(self).await
    }

    async fn append(&self, link: &RedisLink, jobs: &[Job]) -> Result<Vec<Answer>, String> {
        let known = Script::Known(&link.hashes.append);
        let jobs: Vec<_> = jobs.iter().collect();
        let mut answers = link.ask(&self.appends(link, known, &jobs)).await?;
        let is_lacking = |answer: &Value| refusal(answer) == Some(Refusal::NoScript);
        let lacking: Vec<_> = (0..answers.len())
            .filter(|&at| is_lacking(&answers[at]))
            .collect();
        if !lacking.is_empty() {
            // The first of these brings the script again.
            let text = Script::Text(scripts::APPEND);
            let again: Vec<_> = lacking.iter().map(|&at| jobs[at]).collect();
            let again = link.ask(&self.appends(link, text, &again)).await?;
            for (at, answer) in lacking.into_iter().zip(again) {
                answers[at] = answer;
            }
        }
        let is_elsewhere = |answer: &&Value| refusal(answer) == Some(Refusal::Elsewhere);
        if let Some(Value::ServerError(error)) = answers.iter().find(is_elsewhere) {
            return Err(format!("the server has not these keys any more: {error}"));
        }
        Ok(answers.into_iter().map(appended).collect())
    }

    async fn read(&self, link: &RedisLink, read: &Read) -> Result<Page, NoPage> {
        let known = Script::Known(&link.hashes.read);
        let mut answer = self.ask(link, known, read).await?;
        if refusal(&answer) == Some(Refusal::NoScript) {
            let text = Script::Text(scripts::READ);
            answer = self.ask(link, text, read).await?;
        }
        match (refusal(&answer), answer) {
            (Some(Refusal::Elsewhere), Value::ServerError(error)) => Err(NoPage::Link(format!(
                "the server has not these keys any more: {error}"
            ))),
            (_, Value::ServerError(error)) => Err(NoPage::Refused(refused(&error))),
            (_, answer) => {
                let page = scripts::page(read, answer);
                page.ok_or_else(|| NoPage::Refused(unreadable()))
            }
        }
    }
}

impl RedisServer {
    fn appends(&self, link: &RedisLink, script: Script<'_>, jobs: &[&Job]) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(jobs.len());
        for job in jobs {
            let publisher = (&*self.publisher, job.number);
            scripts::append(
                &mut pipeline,
                script,
                &self.keys,
                &link.generation,
                publisher,
                &job.append,
            );
        }
        pipeline
    }

    /// Reads a stream, and makes sure that the server is still the one whose data is known to be whole.
    async fn ask(
        &self,
        link: &RedisLink,
        script: Script<'_>,
        read: &Read,
    ) -> Result<Value, NoPage> {
        let mut pipeline = Pipeline::with_capacity(2);
        scripts::read(&mut pipeline, script, &self.keys, &link.generation, read);
        pipeline.cmd("INFO").arg("replication");
        let answers = link.ask(&pipeline).await.map_err(NoPage::Link)?;
        link.check(answers.get(1)).map_err(NoPage::Link)?;
        let answer = answers.into_iter().next();
        answer.ok_or_else(|| NoPage::Refused(unreadable()))
    }
}

fn appended(answer: Value) -> Answer {
    if let Value::ServerError(error) = &answer {
        return Err(refused(error));
    }
    scripts::appended(answer).ok_or_else(|| {
        let cause = "it was sent before, and whether it was stored cannot be found out any more";
        HistoryError::new(HistoryErrorKind::Unanswered, cause)
    })
}

fn refusal(answer: &Value) -> Option<Refusal> {
    match answer {
        Value::ServerError(error) => Some(Refusal::of(error)),
        _ => None,
    }
}

fn refused(error: &ServerError) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Refused, error.to_string())
}

fn unreadable() -> HistoryError {
    let cause = "its answer is not one of the script";
    HistoryError::new(HistoryErrorKind::Refused, cause)
}
