use web_connection_socket::{Socket, SocketMessage};

/// Replies with eleven messages, each as long as the frame that a client gets that resumes.
pub(super) async fn say(socket: Socket) -> Result<(), String> {
    let groups = socket.groups();
    let group = groups.first().ok_or("a socket without a group")?;
    let told = SocketMessage::new("told").text("x".repeat(TOLD));
    reply(&socket, &told)?;
    for number in 0..10 {
        let text = format!("server {number} {}", "x".repeat(100));
        let message = SocketMessage::new("news")
            .text(text)
            .to_group(group.clone());
        let message = message.with_extra("_position", &POSITION);
        reply(&socket, &message.map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

fn reply(socket: &Socket, message: &SocketMessage) -> Result<(), String> {
    socket.reply(message).map_err(|error| error.to_string())
}

/// So that the first is as long as what a client is told of one stream.
const TOLD: usize = 60;

const POSITION: &str = "0123456789abcdef.0123456789abcdef.1.01234567";
