//! A room that is full of the wrong people.

use std::time::Duration;

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use super::aim::{Aim, Attacker, Tally, write};
use crate::{Result, wire::masked_text};

/// Three visitors say as much as they may to readers who read slowly or not at all.
pub(super) async fn flood(aim: Aim) -> Tally {
    let readers = aim.pace(100, 400, |attacker| async move {
        let mut stream = attacker.connect_narrow().await?;
        attacker.upgrade(&mut stream, "/?userId=reader").await?;
        if attacker.number % 3 == 0 {
            attacker.aim.hold(Duration::from_secs(3_600)).await;
            return Ok(());
        }
        read_slowly(attacker, &mut stream).await
    });
    let visitors = aim.pace(3, 3, say_all_that_it_may);
    let (mut tally, visitors) = tokio::join!(readers, visitors);
    tally.add(visitors);
    tally
}

async fn read_slowly(attacker: Attacker, stream: &mut TcpStream) -> Result<()> {
    let mut buffer = [0; 4_096];
    while !attacker.aim.is_over() {
        if let Ok(0) = timeout(Duration::from_secs(5), stream.read(&mut buffer)).await? {
            return Err("closed".into());
        }
        sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

/// Ten messages a second that make up 16 KiB, and hears what comes back.
pub(super) async fn say_all_that_it_may(attacker: Attacker) -> Result<()> {
    let stream = attacker.open("/?userId=flood").await?;
    let (mut hearing, mut saying) = stream.into_split();
    let message = attacker.aim.kind.said(&"x".repeat(1_500));
    let message = masked_text(&message);
    let hear = async {
        let mut buffer = vec![0; 64 * 1_024];
        while hearing.read(&mut buffer).await? > 0 {}
        Err::<(), tower::BoxError>("closed".into())
    };
    let say = async {
        while !attacker.aim.is_over() {
            tokio::io::AsyncWriteExt::write_all(&mut saying, &message).await?;
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    tokio::select! {
        ended = hear => ended,
        said = say => said,
        () = attacker.aim.hold(Duration::from_secs(3_600)) => Ok(()),
    }
}

/// Many visitors say as much as they may to all others.
pub(super) async fn crowd(aim: Aim) -> Tally {
    aim.pace(20, 20, say_all_that_it_may).await
}

/// Comes and goes with the longest of names, in all the groups that it may, where each is told of.
pub(super) async fn long_names(aim: Aim) -> Tally {
    aim.pace(40, 200, |attacker| async move {
        let name = format!("{:0>256}", attacker.number % 150);
        let mut path = format!("/?userId={name}&groupId=chat/people&presence=chat/people");
        for group in 0..40 {
            path.push_str(&format!("&groupId={group:a>200}"));
        }
        let mut stream = attacker.open(&path).await?;
        write(
            &mut stream,
            &masked_text(&attacker.aim.kind.muttered(&name)),
        )
        .await?;
        let stay = Duration::from_secs(5);
        let reading = async {
            let mut buffer = vec![0; 64 * 1_024];
            while stream.read(&mut buffer).await? > 0 {}
            Ok::<_, tower::BoxError>(())
        };
        tokio::select! {
            _ended = reading => {}
            () = attacker.aim.hold(stay) => {}
        }
        Ok(())
    })
    .await
}
