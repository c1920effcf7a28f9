//! What was said last.

use std::sync::Arc;

use axum::{
    http::{StatusCode, Uri, header::CONTENT_TYPE},
    response::{self, IntoResponse},
};
use serde_json::json;

use web_connection_socket::{GroupId, HistoryPage, Hub, SocketMessage, StreamName};

/// Answers with what was said last to all, and to the group in the query, and with the positions from
/// which a page's socket goes on.
pub(crate) async fn answer(hub: Arc<Hub>, uri: Uri) -> response::Result<impl IntoResponse> {
    let to_all = page(&hub, StreamName::All).await?;
    let mut positions = vec![to_all.position];
    let mut all = messages(to_all);
    if let Some(group) = group(&uri) {
        let to_group = page(&hub, StreamName::Group(group)).await?;
        positions.push(to_group.position);
        all = merged(all, messages(to_group));
    }
    let recent = json!({ "messages": all, "positions": positions });
    Ok(([(CONTENT_TYPE, "application/json")], recent.to_string()))
}

/// The most that a page shows of either.
pub(crate) const MOST: usize = 100;

async fn page(hub: &Hub, stream: StreamName) -> response::Result<HistoryPage> {
    let page = hub.history(stream).limit(MOST).await;
    Ok(page.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?)
}

fn messages(page: HistoryPage) -> Vec<SocketMessage> {
    let kept = page.messages.into_iter();
    kept.map(|kept| kept.message).collect()
}

fn group(uri: &Uri) -> Option<GroupId> {
    let query = uri.query()?.as_bytes();
    let (_, group) = form_urlencoded::parse(query).find(|(name, _)| name == "group")?;
    Some(group.as_ref())
        .filter(|group| !group.is_empty())
        .map(GroupId::from)
}

/// Merges two lists by the times of their messages. A program's message may have none: it stays behind
/// the one before it.
fn merged(one: Vec<SocketMessage>, other: Vec<SocketMessage>) -> Vec<SocketMessage> {
    let timed = |messages: Vec<SocketMessage>| {
        let mut last = 0;
        messages.into_iter().map(move |message| {
            let time = message.extra("time").and_then(|time| time.parse().ok());
            last = time.unwrap_or(last).max(last);
            (last, message)
        })
    };
    let mut all: Vec<(u64, SocketMessage)> = timed(one).chain(timed(other)).collect();
    all.sort_by_key(|(time, _)| *time);
    all.into_iter().map(|(_, message)| message).collect()
}
