//! The reserved URL at which other programs ask for the members of a group.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};

use super::{
    rejection::{Cause, Rejection},
    state::{State, Surface},
};
use crate::protocol::GroupId;

/// Answers `GET …/__presence.wc?group=`. Checks surface, method, caller and group, in this order.
pub(super) fn members<RB: From<Bytes>>(
    state: &State,
    surface: Surface,
    parts: &Parts,
) -> Response<RB> {
    match read(state, surface, parts) {
        Ok(json) => {
            let mut response = Response::new(RB::from(json));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            // It is over in a moment.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(rejection) => state.refuse(parts, rejection),
    }
}

fn read(state: &State, surface: Surface, parts: &Parts) -> Result<Bytes, Rejection> {
    state.check_reserved(surface)?;
    if parts.method != Method::GET {
        return Err(Cause::ReservedMethod(parts.method.clone(), "GET").into());
    }
    state.admit_caller(surface, parts)?;
    let query = parts.uri.query().unwrap_or_default();
    let mut fields = form_urlencoded::parse(query.as_bytes());
    let group = fields.find(|(name, _)| name.eq_ignore_ascii_case("group"));
    let Some((_, group)) = group.filter(|(_, group)| !group.is_empty()) else {
        return Err(Cause::NoGroup.into());
    };
    let Some(terms) = state.hub.presence_terms(&group) else {
        return Err(Cause::NoPresence.into());
    };
    let presence = state.hub.presence_up_to(&group, terms.list_up_to);
    Ok(presence
        .to_json(&GroupId::from(&*group), terms.list_up_to)
        .into())
}
