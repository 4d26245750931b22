"""Google's client, which knows nothing but the edge's address: python3 call_grpc.py EDGE APPLICATION URL URL"""

import json
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

edge, application, *urls = sys.argv[1:]
channel = grpc.insecure_channel(edge.removeprefix("http://"))
pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
WHY = "Somebody else's client asks."
ROLES = [{"name": "user", "description": "May use it."}]


def prepared(service, method, call, request):
    found = pool.FindServiceByName(f"switchover.catalog.v1.{service}").FindMethodByName(method)
    kind, answer = (message_factory.GetMessageClass(each) for each in (found.input_type, found.output_type))
    path = f"/{found.containing_service.full_name}/{method}"
    made = call(path, request_serializer=kind.SerializeToString, response_deserializer=answer.FromString)
    return made(json_format.ParseDict(request, kind()), timeout=60)


def ask(service, method, request):
    return prepared(service, method, channel.unary_unary, request)


def confirm(method, version):
    begun = ask("SwitchService", method, {"version": version, "reason": WHY})
    name = getattr(begun, "switch").name
    for message in prepared("SwitchService", "WatchSwitch", channel.unary_stream, {"name": name}):
        state = json_format.MessageToDict(message)["switch"]["state"]
        if state.rsplit("_", 1)[-1] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return state
    raise RuntimeError("the watch ended before the switch did")


parent = f"applications/{application}"
ask("ApplicationService", "CreateApplication", {"applicationId": application, "application": {"displayName": application}})
ends = []
for number, upstream in enumerate(urls, 1):
    version = f"{parent}/versions/{number}.0"
    ask("ApplicationService", "CreateVersion", {"parent": parent, "versionId": f"{number}.0", "version": {"upstream": upstream, "roles": ROLES}})
    ask("SwitchService", "RegisterToTest", {"version": version, "reason": WHY})
    ends.append(confirm("ConfirmUpdate", version))
ends.append(confirm("ConfirmReactivate", f"{parent}/versions/1.0"))
try:
    ask("ApplicationService", "GetApplication", {"name": "applications/nothing"})
    raise RuntimeError("there is no such application")
except grpc.RpcError as error:
    info = error_details_pb2.ErrorInfo()
    for detail in rpc_status.from_call(error).details:
        detail.Unpack(info)
    print(json.dumps({"ends": ends, "code": error.code().name, "message": error.details(), "reason": info.reason}))
