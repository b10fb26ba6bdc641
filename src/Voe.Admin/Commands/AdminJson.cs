using System.Text.Json.Serialization;
using Voe.Admin.Protocol;

namespace Voe.Admin.Commands;

/// <summary>
/// How requests, replies and messages look as JSON: camel case, no member twice, none missing, none null that must not be. The
/// same shapes are what <c>voe --json</c> prints.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    MaxDepth = 16)]
[JsonSerializable(typeof(AdminMessage))]
[JsonSerializable(typeof(StatusRequest))]
[JsonSerializable(typeof(StoreStatus))]
[JsonSerializable(typeof(VolumeListRequest))]
[JsonSerializable(typeof(VolumeList))]
[JsonSerializable(typeof(VolumeRequest))]
[JsonSerializable(typeof(VolumeInfo))]
[JsonSerializable(typeof(VolumeCreateRequest))]
[JsonSerializable(typeof(VolumeResizeRequest))]
[JsonSerializable(typeof(VolumeRenameRequest))]
[JsonSerializable(typeof(VolumeSetRequest))]
[JsonSerializable(typeof(VolumeDeleteRequest))]
[JsonSerializable(typeof(VolumeChange))]
[JsonSerializable(typeof(ScrubRequest))]
[JsonSerializable(typeof(ScrubReply))]
[JsonSerializable(typeof(ScrubStatus))]
[JsonSerializable(typeof(ImportRequest))]
[JsonSerializable(typeof(ImportReply))]
[JsonSerializable(typeof(ExportReply))]
[JsonSerializable(typeof(TargetListRequest))]
[JsonSerializable(typeof(TargetList))]
[JsonSerializable(typeof(TargetAddRequest))]
[JsonSerializable(typeof(TargetRemoveRequest))]
[JsonSerializable(typeof(TargetInfo))]
public sealed partial class AdminJson : JsonSerializerContext;
