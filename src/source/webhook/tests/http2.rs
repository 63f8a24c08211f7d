//! HTTP/2 on the same port, with prior knowledge, as proxies use it.

use super::*;
use bytes::Bytes;
use h2::client::SendRequest;
use hyper::Request;

async fn connect(fixture: &Fixture) -> SendRequest<Bytes> {
    let socket = TcpStream::connect(fixture.webhook.local_addr()).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Sends a request, its body only if it is complete, and returns the answer's status.
async fn ask(client: &SendRequest<Bytes>, path: &str, password: &str, body: Option<Vec<u8>>) -> u16 {
    let request = Request::post(format!("http://meterline{path}")).header("authorization", basic(password));
    let mut client = client.clone().ready().await.unwrap();
    let (answer, mut sending) = client.send_request(request.body(()).unwrap(), false).unwrap();
    if let Some(body) = body {
        sending.send_data(Bytes::from(body), true).unwrap();
    }
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn many_requests_share_a_connection_and_each_is_answered() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    let requests: Vec<_> = (0..50_u8)
        .map(|number| {
            let (client, body) = (client.clone(), fixture.body(f64::from(number)));
            tokio::spawn(async move { ask(&client, PATH, PASSWORD, Some(body)).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(fixture.records().len(), 50);
}

#[tokio::test]
async fn a_request_without_credentials_is_challenged_before_its_body_comes_and_the_others_go_on() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    assert_eq!(ask(&client, PATH, "wrong", None).await, 401);
    assert_eq!(ask(&client, "/unknown", PASSWORD, None).await, 401);
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
}

#[tokio::test]
async fn a_body_that_stalls_is_408_and_the_others_go_on() {
    let fixture = fixture_with(|config| config.bounds.stall_timeout = Duration::from_millis(200)).await;
    let client = connect(&fixture).await;
    assert_eq!(ask(&client, PATH, PASSWORD, None).await, 408);
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
}

#[tokio::test]
async fn the_noted_head_says_that_it_came_over_http_2() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = fixture_with(|config| config.heads = Some(directory.path().join(HEADS_FILE))).await;
    let client = connect(&fixture).await;
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
    assert!(fixture.webhook.stop(soon()).await);
    let heads = read_heads(&directory.path().join(HEADS_FILE)).unwrap();
    assert_eq!(heads.iter().map(|head| head.version.as_str()).collect::<Vec<_>>(), ["HTTP/2.0"]);
}

#[tokio::test]
async fn a_stop_answers_open_requests() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
    assert!(fixture.webhook.stop(soon()).await);
}

/// Sends a body as fast as the flow control lets it; then returns the answer's status.
async fn ask_whole(client: &SendRequest<Bytes>, path: &str, password: &str, mut body: Bytes) -> Result<u16, h2::Error> {
    let request = Request::post(format!("http://meterline{path}")).header("authorization", basic(password));
    let mut client = client.clone().ready().await?;
    let (answer, mut sending) = client.send_request(request.body(()).unwrap(), false)?;
    while !body.is_empty() {
        sending.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| sending.poll_capacity(context)).await;
        let room = room.unwrap_or_else(|| Err(h2::Reason::STREAM_CLOSED.into()))?;
        sending.send_data(body.split_to(room.min(body.len())), body.is_empty())?;
    }
    Ok(answer.await?.status().as_u16())
}

#[tokio::test]
async fn a_sender_with_too_large_a_body_can_send_it_all_and_sees_its_answer() {
    let fixture = fixture_with(|config| config.bounds.body_bytes_max = 64 << 10).await;
    let client = connect(&fixture).await;
    for (password, status) in [(PASSWORD, 413), ("wrong", 401)] {
        let asked = ask_whole(&client, PATH, password, vec![0; 800_000].into());
        let asked = tokio::time::timeout(PATIENCE, asked).await.unwrap();
        assert_eq!(asked.ok(), Some(status), "and the stream was not reset before it was sent");
    }
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
}

#[tokio::test]
async fn a_sender_without_an_end_is_cut_off_and_the_others_go_on() {
    let fixture = fixture_with(|config| config.bounds.body_bytes_max = 64 << 10).await;
    let client = connect(&fixture).await;
    let asked = ask_whole(&client, PATH, PASSWORD, vec![0; 50 << 20].into());
    assert!(tokio::time::timeout(PATIENCE, asked).await.unwrap().is_err());
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
}

#[tokio::test]
async fn large_bodies_on_one_connection_do_not_hold_each_other_up() {
    let fixture = fixture_with(|config| config.bounds.in_flight_wait = PATIENCE).await;
    let client = connect(&fixture).await;
    let requests: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { ask_whole(&client, PATH, PASSWORD, vec![0xff; 975_000].into()).await })
        })
        .collect();
    for request in requests {
        assert_eq!(tokio::time::timeout(PATIENCE, request).await.unwrap().unwrap().ok(), Some(200));
    }
}

#[tokio::test]
async fn bodies_that_a_proxy_passes_on_in_tiny_frames_are_taken() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    for number in 0..60_u8 {
        let request = Request::post(format!("http://meterline{PATH}")).header("authorization", basic(PASSWORD));
        let mut client = client.clone().ready().await.unwrap();
        let (answer, mut sending) = client.send_request(request.body(()).unwrap(), false).unwrap();
        for byte in fixture.body(f64::from(number)) {
            sending.send_data(Bytes::from(vec![byte]), false).unwrap();
        }
        sending.send_data(Bytes::new(), true).unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200, "{number}");
    }
    assert_eq!(fixture.records().len(), 60);
}

#[tokio::test]
async fn many_guesses_on_many_connections_switch_no_delay_off() {
    let fixture = fixture().await;
    let mut guesses = Vec::new();
    for _ in 0..12 {
        let client = connect(&fixture).await;
        for _ in 0..60 {
            let client = client.clone();
            guesses.push(tokio::spawn(async move { ask_whole(&client, PATH, "wrong", Bytes::new()).await.is_ok() }));
        }
    }
    let mut answered = 0;
    for guess in guesses {
        answered += u32::from(guess.await.unwrap());
    }
    assert!(answered <= login_budgets::FAILURES_MAX, "{answered} guesses were answered without a delay");
    assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200, "the right password waits for nothing");
}
