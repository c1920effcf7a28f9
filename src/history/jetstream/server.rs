//! Appends entries to JetStream and reads them back.

use std::sync::Arc;

use super::{
    api::Failure, connect, link::JetStreamLink, pending::Confirmed, place::JetStreamServer, reading,
};
use crate::history::{
    append::Appended,
    error::{HistoryError, HistoryErrorKind},
    read::{Page, Read},
    remote::{Driver, Job, NoPage, Server},
};

type Answer = Result<Appended, HistoryError>;

impl Server for JetStreamServer {
    type Link = Arc<JetStreamLink>;

    async fn connect(&self) -> Result<(Arc<JetStreamLink>, Driver), String> {
        connect::connect(self).await
    }

    async fn append(&self, link: &Arc<JetStreamLink>, jobs: &[Job]) -> Result<Vec<Answer>, String> {
        for job in jobs {
            match link.keep(job.append.keep).await {
                Ok(()) => {}
                Err(Failure::Link(why)) => return Err(why),
                Err(failure) => {
                    let text = failure.into_text();
                    tracing::debug!(text, "the limits of the history's stream cannot be raised");
                }
            }
        }
        let mut sent = Vec::with_capacity(jobs.len());
        for job in jobs {
            sent.push(link.publish(&job.append, job.number).await?);
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for confirmed in sent {
            let confirmed = confirmed.await.map_err(|error| error.to_string())?;
            answers.push(appended(link, confirmed));
        }
        Ok(answers)
    }

    async fn read(&self, link: &Arc<JetStreamLink>, read: &Read) -> Result<Page, NoPage> {
        reading::page(link, read)
            .await
            .map_err(|failure| match failure {
                Failure::Link(why) => NoPage::Link(why),
                Failure::Refused { text, .. } => NoPage::Refused(refused(text)),
            })
    }
}

fn appended(link: &JetStreamLink, confirmed: Confirmed) -> Answer {
    let (epoch, previous) = match confirmed.before {
        Some((epoch, previous)) => (epoch, Some(previous)),
        None => (link.epoch, None),
    };
    match confirmed.sequence {
        Ok(offset) => Ok(Appended::new(epoch, offset, previous)),
        Err(failure) => Err(refused(failure.into_text())),
    }
}

fn refused(text: String) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Refused, text)
}
