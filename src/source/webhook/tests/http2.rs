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
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{password}")));
    let request = Request::post(format!("http://meterline{path}")).header("authorization", authorization);
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
    assert!(fixture.webhook.stop(PATIENCE).await);
    let heads = read_heads(&directory.path().join(HEADS_FILE)).unwrap();
    assert_eq!(heads.iter().map(|head| head.version.as_str()).collect::<Vec<_>>(), ["HTTP/2.0"]);
}

#[tokio::test]
async fn a_stop_answers_open_requests() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    assert_eq!(ask(&client, PATH, PASSWORD, Some(fixture.body(1.0))).await, 200);
    assert!(fixture.webhook.stop(PATIENCE).await);
}
