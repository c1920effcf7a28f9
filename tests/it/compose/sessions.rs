//! A session layer on either side, as people sign in.

use axum::{
    Router,
    routing::{get, post},
};
use http::{Request, StatusCode, header};
use tower::Layer;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};
use web_connection_socket::{
    CloseReason, Handshake, Identity, Rejection, Socket, WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{
    config,
    http::{WEB_SOCKET, fetch},
    news, text,
};

#[tokio::test]
async fn a_session_from_outside_identifies_and_comes_with_each_message() {
    let layer = WebConnectionSocketLayer::new(config()).identify(identify);
    let server = Server::new(sessions().layer(layer.layer(app())));
    let refused = server.connect("/?userId=ann").await.unwrap_err();
    let refused = refused.refusal().unwrap().status();
    assert_eq!(refused, StatusCode::UNAUTHORIZED);

    let cookie = sign_in(&server).await;
    let mut ann = open(&server, &cookie).await;
    ann.send(&news("hello")).await.unwrap();
    assert_eq!(text(&mut ann).await, "hello from ann");
    assert_eq!(layer.hub().users(), [("ann".into(), 1)]);

    let out = CloseReason::new(4001, "signed out");
    assert_eq!(layer.hub().close_user("ann", &out), 1);
    assert_eq!(ann.closed().await, out);
}

#[tokio::test]
async fn a_session_layer_inside_reads_the_cookie_of_each_message() {
    let layer = WebConnectionSocketLayer::new(config());
    // axum makes its own body of any other.
    let server = Server::new(layer.layer(app().layer(sessions())));
    let cookie = sign_in(&server).await;
    let mut ann = open(&server, &cookie).await;
    for _ in 0..2 {
        ann.send(&news("hello")).await.unwrap();
        assert_eq!(text(&mut ann).await, "hello from ann");
    }
}

fn app() -> Router {
    let sign_in = async |session: Session| {
        let kept = session.insert("user", "ann").await;
        kept.expect("a session that can be kept");
    };
    let on_web_socket = async |session: Session, socket: Socket| {
        let user: Option<String> = session.get("user").await.expect("a session");
        let user = user.expect("a user who signed in");
        let message = &socket.message().message;
        let answer = socket
            .create_message()
            .text(format!("{message} from {user}"));
        socket.reply(&answer).expect("an open socket");
    };
    Router::new()
        .route("/login", get(sign_in))
        .route(WEB_SOCKET, post(on_web_socket))
}

fn sessions() -> SessionManagerLayer<MemoryStore> {
    SessionManagerLayer::new(MemoryStore::default()).with_secure(false)
}

async fn identify(visitor: Handshake) -> Result<Identity, Rejection> {
    let session: &Session = visitor.extensions().get().expect("what is outside put in");
    let user: Option<String> = session.get("user").await.expect("a session");
    let refusal = Rejection::new(StatusCode::UNAUTHORIZED);
    user.map(Identity::user).ok_or(refusal)
}

/// Signs in and gives the cookie as a browser sends it.
async fn sign_in(server: &Server) -> String {
    let answer = fetch(server, "/login").await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str();
    let (cookie, _) = cookie.expect("ASCII").split_once(';').expect("attributes");
    cookie.to_owned()
}

async fn open(server: &Server, cookie: &str) -> Client {
    let request = Request::get("/").header(header::COOKIE, cookie).body(());
    let client = server.connect_with(request.expect("a request")).await;
    client.expect("an open socket")
}
