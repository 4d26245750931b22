//! Every RPC of the contracts, called with messages that are made from the descriptors alone.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use bytes::{BufMut as _, Bytes, BytesMut};
use contract::{Caller, Problem};
use http::{HeaderMap, Method, Request, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tonic::{Code, Status};

use crate::world::World;

/// How long a stream is waited for that has nothing to say.
const PATIENCE: &str = "20S";

/// Whoever calls any RPC of an installation.
pub struct AnyRpc {
    client: Client<HttpConnector, Full<Bytes>>,
    servers: BTreeMap<&'static str, String>,
    pool: DescriptorPool,
}

/// What an RPC has answered.
#[derive(Debug)]
pub struct Answer {
    /// Why it was refused; ok if it was not, or if a stream has begun.
    pub status: Status,
    /// The first message of the answer.
    pub message: Option<DynamicMessage>,
}

impl Answer {
    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.status.code()
    }

    /// Returns what is wrong, as clients of ours read it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::from(&self.status)
    }

    /// Returns the message as JSON; empty without one.
    #[must_use]
    pub fn json(&self) -> String {
        self.message
            .as_ref()
            .and_then(|message| serde_json::to_string(message).ok())
            .unwrap_or_default()
    }
}

impl AnyRpc {
    /// Prepares to call the services and the first gateway of a world.
    ///
    /// # Errors
    /// When the contracts cannot be read.
    pub fn of(world: &World) -> Result<Self> {
        let places = world.places()?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .http2_only(true)
                .build_http(),
            servers: BTreeMap::from([
                ("catalog", places.catalog.to_string()),
                ("provisioning", places.provisioning.to_string()),
                ("notification", places.notification.to_string()),
                ("gateway", world.control(0)?.to_string()),
                // Each of three services answers it for itself.
                ("audit", places.catalog.to_string()),
                // Every service answers it.
                ("access", places.catalog.to_string()),
            ]),
            pool: DescriptorPool::decode(proto::DESCRIPTOR_SET)?,
        })
    }

    /// Returns every method of the contracts.
    #[must_use]
    pub fn methods(&self) -> Vec<MethodDescriptor> {
        let services = self
            .pool
            .services()
            .filter(|service| service.package_name().starts_with("switchover."));
        services
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .collect()
    }

    /// Calls a method with one message, as any gRPC client may.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(
        &self,
        method: &MethodDescriptor,
        message: &DynamicMessage,
        caller: &Caller,
    ) -> Result<Answer> {
        let path = path(method);
        let package = path.split('.').nth(1).context("the name of a package")?;
        let server = self
            .servers
            .get(package)
            .with_context(|| format!("no server for {path}"))?;
        let request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(format!("{server}{path}"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header("grpc-timeout", PATIENCE);
        let request = match caller {
            Caller::Known(identity) => request
                .header("x-switchover-role", identity.role().as_str())
                .header("x-switchover-subject", identity.subject()),
            Caller::Anonymous => request.header("x-switchover-role", "anonymous"),
        };
        let mut body = BytesMut::new();
        let bytes = message.encode_to_vec();
        body.put_u8(0);
        body.put_u32(u32::try_from(bytes.len())?);
        body.extend_from_slice(&bytes);
        let answer = self
            .client
            .request(request.body(Full::new(body.freeze()))?)
            .await?;
        let (head, mut body) = answer.into_parts();
        if let Some(status) = status(&head.headers) {
            return Ok(Answer {
                status,
                message: None,
            });
        }
        let mut data = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            if let Some(status) = frame.trailers_ref().and_then(status) {
                let message = first(method, &data)?;
                return Ok(Answer { status, message });
            }
            if let Some(more) = frame.data_ref() {
                data.extend_from_slice(more);
                // A stream may go on for ever.
                if method.is_server_streaming()
                    && let Some(message) = first(method, &data)?
                {
                    return Ok(Answer {
                        status: Status::ok(""),
                        message: Some(message),
                    });
                }
            }
        }
        bail!("{path} ended without a status")
    }
}

/// Returns how a method is called: `/package.Service/Method`.
#[must_use]
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn status(map: &HeaderMap) -> Option<Status> {
    Status::from_header_map(map)
}

fn first(method: &MethodDescriptor, data: &[u8]) -> Result<Option<DynamicMessage>> {
    let Some(([0, length @ ..], rest)) = data.split_first_chunk::<5>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length))?;
    match rest.get(..length) {
        None => Ok(None),
        Some(message) => Ok(Some(DynamicMessage::decode(method.output(), message)?)),
    }
}
