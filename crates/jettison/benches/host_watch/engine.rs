//! An engine that has some images and tells events when it is asked to, on a Unix socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use jettison_core::model::Digest;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, mpsc};

/// Whoever waits does not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The image of the last event of many.
const LAST: &str = "registry.example.com/last:1";

/// An engine. It ends with this.
pub(crate) struct Engine {
    _runtime: Runtime,
    told: mpsc::Sender<Bytes>,
    world: Arc<World>,
}

struct World {
    images: usize,
    events: Mutex<Option<mpsc::Receiver<Bytes>>>,
    listeners: AtomicUsize,
    /// How often it was asked about the image of a last event.
    lasts: AtomicUsize,
}

impl Engine {
    pub(crate) fn start(socket: &Path, images: usize) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        // What is not read yet waits in here, and in the buffers of the socket.
        let (told, events) = mpsc::channel(64);
        let world = Arc::new(World {
            images,
            events: Mutex::new(Some(events)),
            listeners: AtomicUsize::new(0),
            lasts: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        let listener = {
            let _guard = runtime.enter();
            UnixListener::bind(socket)?
        };
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            _runtime: runtime,
            told,
            world,
        })
    }

    /// Waits until somebody listens to events.
    pub(crate) fn is_listened_to(&self) -> io::Result<()> {
        let begun = Instant::now();
        while self.world.listeners.load(Ordering::Relaxed) == 0 {
            if begun.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Tells so many events, of containers that come and go, with a pull now and then. The last is a pull of something new;
    /// that it is asked about proves that all were heard.
    pub(crate) fn tell(&self, events: usize) -> io::Result<()> {
        let broken = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        for number in 1..events {
            self.told
                .blocking_send(event(number, self.world.images))
                .map_err(broken)?;
        }
        let before = self.world.lasts.load(Ordering::Relaxed);
        let last = line("image", "pull", LAST, "");
        self.told.blocking_send(last).map_err(broken)?;
        let begun = Instant::now();
        while self.world.lasts.load(Ordering::Relaxed) == before {
            if begun.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

fn event(number: usize, images: usize) -> Bytes {
    const ACTIONS: [&str; 4] = ["create", "start", "die", "destroy"];
    let image = name(number / 4 % images);
    match number % 100 {
        0 => line("image", "pull", &image, ""),
        _ => line("container", ACTIONS[number % 4], &image, &format!("job-{}", number / 4)),
    }
}

fn line(kind: &str, action: &str, image: &str, container: &str) -> Bytes {
    let now = Timestamp::now();
    let (id, attributes) = match kind {
        "image" => (image.to_owned(), json!({"name": image})),
        _ => (
            Digest::of(container.as_bytes()).hex().to_owned(),
            json!({"image": image, "name": container, "com.docker.compose.project": "jobs"}),
        ),
    };
    let nanoseconds = i64::try_from(now.as_nanosecond()).unwrap_or_default();
    let event = json!({
        "Type": kind, "Action": action, "Actor": {"ID": id, "Attributes": attributes}, "scope": "local",
        "time": now.as_second(), "timeNano": nanoseconds,
    });
    Bytes::from(format!("{event}\n"))
}

fn name(number: usize) -> String {
    format!("registry.example.com/apps/app{}:v{number}", number % 50)
}

fn id(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

async fn answer(State(world): State<Arc<World>>, request: axum::extract::Request) -> Response {
    // `/v1.41/images/json`
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let path = path
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('/'))
        .map_or(path.as_str(), |(_, rest)| rest);
    let answer = match path {
        "version" => {
            json!({"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24", "Os": "linux", "Arch": "amd64"})
        }
        "info" => json!({
            "ID": "BENCH", "Name": "bench", "Driver": "overlay2", "DockerRootDir": "/nowhere", "ServerVersion": "20.10.24",
            "Swarm": {"LocalNodeState": "inactive", "ControlAvailable": false},
        }),
        "images/json" => (0..world.images).map(image).collect(),
        "containers/json" => json!([]),
        "volumes" => json!({"Volumes": []}),
        "events" => return events(&world).await,
        other => match other
            .strip_prefix("images/")
            .and_then(|rest| rest.strip_suffix("/json"))
        {
            Some(name) => {
                world.lasts.fetch_add(usize::from(name == LAST), Ordering::Relaxed);
                json!({"Id": id(name), "RepoTags": [name], "RepoDigests": []})
            }
            None => return (StatusCode::NOT_FOUND, axum::Json(json!({"message": "page not found"}))).into_response(),
        },
    };
    axum::Json(answer).into_response()
}

fn image(number: usize) -> Value {
    let name = name(number);
    json!({
        "Id": id(&name), "RepoTags": [name], "RepoDigests": [format!("registry.example.com/apps/app{}@{}", number % 50, id(&name))],
        "Created": 1_700_000_000, "Size": 100_000_000, "Labels": {"org.opencontainers.image.title": "app"},
    })
}

/// The one stream there is.
async fn events(world: &World) -> Response {
    let Some(events) = world.events.lock().await.take() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    world.listeners.fetch_add(1, Ordering::Relaxed);
    let lines = stream::unfold(events, |mut events| async move {
        let line = events.recv().await?;
        Some((Ok::<_, io::Error>(line), events))
    });
    Body::from_stream(lines).into_response()
}
