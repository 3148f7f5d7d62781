// The ordinary work of an application with the official Node SDK, unchanged. Each step reads
// back what it did; the first surprise ends the program with 1.
//
// usage: node work.js FACTS, a JSON object that TestE2ENodeSDKDoesOrdinaryWork makes
'use strict';
const assert = require('node:assert/strict');
const {fork} = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const COS = require('cos-nodejs-sdk-v5');
const mime = require('mime-types');

const {proxy: Proxy, bucket: Bucket, region: Region, own, fixed, credentials} = JSON.parse(process.argv[2]);
const MiB = 1 << 20;
const at = (params) => ({Bucket, Region, ...params});
const client = (options) => new COS({Proxy, Protocol: 'http:', ProgressInterval: 20, ChunkParallelLimit: 1, ...options});
const clients = {
  own: () => client({SecretId: own.SecretID, SecretKey: own.SecretKey}),
  fixed: () => client({SecretId: fixed.SecretID, SecretKey: fixed.SecretKey, SecurityToken: fixed.Token}),
  sts: () => client({
    getAuthorization: async (options, callback) => {
      const got = await (await fetch(credentials)).json();
      callback({
        TmpSecretId: got.credentials.tmpSecretId, TmpSecretKey: got.credentials.tmpSecretKey, SecurityToken: got.credentials.sessionToken,
        StartTime: got.startTime, ExpiredTime: got.expiredTime,
      });
    },
  }),
};
const owner = clients.own();

// noise is content that differs everywhere, so that a part in the wrong place shows.
function noise(size) {
  const data = Buffer.alloc(size);
  for (let i = 0, x = 1; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    data[i] = x >>> 24;
  }
  return data;
}

async function fails(call, code) {
  const err = await call.then(() => null, (e) => e);
  assert.ok(err, `${code}: the call succeeded`);
  assert.equal(err.code, code, err.message);
}

// get is a plain GET through the proxy, of a URL that has its signature.
function get(url) {
  const {hostname, port} = new URL(Proxy);
  return new Promise((resolve, reject) => {
    http.get({hostname, port, path: url, headers: {Host: new URL(url).host}}, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => resolve({status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks)}));
    }).on('error', reject);
  });
}

// What COS does not know it ignores, and the SDK signs it.
async function unknownNames(cos, Key) {
  const Headers = {'x-cos-test': '1', 'x-cos-test2': 'v'};
  await cos.putObject(at({Key, Body: 'content', Headers, Query: {t: '1'}}));
  for (const query of [{t: '1'}, {v: 'abc'}, {_: '17'}]) {
    assert.equal((await cos.getObject(at({Key, Headers, Query: query}))).Body.toString(), 'content');
  }
  const listed = await cos.getBucket(at({Headers, Prefix: Key}));
  assert.deepEqual(listed.Contents.map((o) => o.Key), [Key]);
  await cos.appendObject(at({Key: Key + '.log', Position: 0, Body: 'one', Headers}));
  await cos.appendObject(at({Key: Key + '.log', Position: 3, Body: 'two', Headers}));
  assert.equal((await cos.getObject(at({Key: Key + '.log'}))).Body.toString(), 'onetwo');
  await cos.deleteObject(at({Key: Key + '.log', Headers}));
}

async function presigned(cos, Key) {
  await cos.putObject(at({Key, Body: 'content', ACL: 'private'}));
  const url = cos.getObjectUrl(at({Key, Sign: true, Query: {utm: 'mail'}}));
  for (const more of ['', '&t=1', '&v=abc&_=17']) {
    const got = await get(url + more);
    assert.equal(got.status, 200, got.body.toString());
    assert.equal(got.body.toString(), 'content');
  }
  const forged = await get(url.replace('utm=mail', 'utm=other'));
  assert.equal(forged.status, 403, 'a parameter that the signature covers was changed');
  const unsigned = cos.getObjectUrl(at({Key, Sign: false}));
  assert.equal((await get(unsigned + '?t=1')).status, 403);
}

async function copies(cos, Key) {
  await cos.putObject(at({Key, Body: 'content', ContentType: 'text/x-own', Headers: {'x-cos-meta-a': '1'}}));
  const CopySource = `${Bucket}.cos.${Region}.myqcloud.com/${encodeURIComponent(Key)}`;
  await cos.putObjectCopy(at({Key: Key + '.copy', CopySource}));
  const copy = await cos.getObject(at({Key: Key + '.copy'}));
  assert.equal(copy.Body.toString(), 'content');
  assert.equal(copy.headers['content-type'], 'text/x-own');
  assert.equal(copy.headers['x-cos-meta-a'], '1');
  await cos.sliceCopyFile(at({Key: Key + '.slices', CopySource, CopySliceSize: 1}));
  assert.equal((await cos.getObject(at({Key: Key + '.slices'}))).Body.toString(), 'content');
}

async function deletes(cos, prefix) {
  const listed = await cos.getBucket(at({Prefix: prefix}));
  assert.ok(listed.Contents.length > 0);
  const got = await cos.deleteMultipleObject(at({Objects: listed.Contents.map(({Key}) => ({Key}))}));
  assert.equal(got.Deleted.length, listed.Contents.length);
  assert.deepEqual((await cos.getBucket(at({Prefix: prefix}))).Contents, []);
}

// Without a type the suffix says it, by the list that the SDK uses itself.
async function types() {
  const suffixes = ('7z avi bin bmp css csv doc docx flv gif gz htm html ico jar jpeg jpg js json log m3u8 md mkv mov mp3 mp4 ' +
    'mpeg ogg otf pdf png ppt pptx psd rar rtf svg tar tiff ts ttf txt wasm wav webm webp woff woff2 xls xlsx xml yaml zip').split(' ');
  for (const [name, want] of [...suffixes.map((s) => ['file.' + s, mime.lookup(s)]), ['none', 'application/octet-stream'], ['file.unheard-of', 'application/octet-stream']]) {
    const Key = 'types/' + name;
    const url = owner.getObjectUrl(at({Key, Sign: true, Method: 'PUT'}));
    const {hostname, port} = new URL(Proxy);
    const status = await new Promise((resolve, reject) => {
      const req = http.request({hostname, port, path: url, method: 'PUT', headers: {Host: new URL(url).host, 'Content-Length': 1}}, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode));
      });
      req.on('error', reject);
      req.end('x');
    });
    assert.equal(status, 200, Key);
    assert.equal((await owner.headObject(at({Key}))).headers['content-type'], want, Key);
  }
  const Body = noise(2 * MiB);
  for (const [Key, want] of [['types/slices.txt', 'text/plain'], ['types/slices.zip', 'application/zip'], ['types/slices', 'application/octet-stream']]) {
    const begun = await owner.multipartInit(at({Key}));
    const part = await owner.multipartUpload(at({Key, UploadId: begun.UploadId, PartNumber: 1, Body}));
    await owner.multipartComplete(at({Key, UploadId: begun.UploadId, Parts: [{PartNumber: 1, ETag: part.ETag}]}));
    assert.equal((await owner.headObject(at({Key}))).headers['content-type'], want, Key);
  }
  await deletes(owner, 'types/');
}

const slices = (Key, FilePath) => at({Key, FilePath, SliceSize: MiB, ChunkSize: MiB});

// breaksOff is a process that ends in the middle of an upload in slices.
function breaksOff(cos, Key, FilePath) {
  cos.sliceUploadFile({
    ...slices(Key, FilePath),
    Headers: {'x-cos-traffic-limit': String(16 * MiB)}, // 2 MiB a second: there is time to break it off
    onProgress: ({loaded, total}) => {
      if (loaded >= 2 * MiB && loaded < total) {
        process.exit(7);
      }
    },
  }, (err) => {
    console.error('the upload was not broken off', err);
    process.exit(1);
  });
}

// An upload in slices is broken off by the end of its process. Another one goes on with it
// and sends only what is missing.
async function resumes(kind, Key) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cos-'));
  const FilePath = path.join(folder, 'film.mp4');
  const content = noise(4 * MiB + 17);
  fs.writeFileSync(FilePath, content);
  const code = await new Promise((resolve) => fork(__filename, [process.argv[2], kind, Key, FilePath]).on('exit', resolve));
  assert.equal(code, 7);
  const cos = clients[kind]();
  assert.equal((await cos.headObject(at({Key})).then(() => null, (e) => e)).statusCode, 404);
  const uploads = await cos.multipartList(at({Prefix: Key}));
  assert.equal(uploads.Upload.length, 1, 'one upload is open');
  const sent = await cos.multipartListPart(at({Key, UploadId: uploads.Upload[0].UploadId}));
  assert.ok(sent.Part.length >= 1 && sent.Part.length < 5, `${sent.Part.length} parts were sent`);
  const progress = [];
  const done = await cos.sliceUploadFile({...slices(Key, FilePath), onProgress: (p) => progress.push(p)});
  assert.match(done.ETag, /-5"$/, 'the object has five parts');
  assert.equal(done.UploadId, uploads.Upload[0].UploadId, 'the upload that was open is the one that is completed');
  const first = progress.find(({loaded}) => loaded > 0).loaded;
  assert.ok(first >= sent.Part.length * MiB, `the progress begins at ${first}, though ${sent.Part.length} parts were sent`);
  assert.equal(progress.at(-1).percent, 1);
  const got = await cos.getObject(at({Key}));
  assert.ok(got.Body.equals(content), 'the content is that of the file');
  assert.equal(got.headers['content-type'], 'video/mp4');
  assert.equal((await cos.multipartList(at({Prefix: Key}))).Upload.length, 0);
  fs.rmSync(folder, {recursive: true});
}

// Temporary credentials, from the application's server and fixed ones.
async function temporary() {
  const constant = clients.fixed();
  for (const [name, cos] of [['sts', clients.sts()], ['fixed', constant]]) {
    await unknownNames(cos, `${name}/unknown.txt`);
    await presignedAsync(cos, `${name}/url.txt`);
    assert.equal((await cos.getBucket(at({Prefix: `${name}/`}))).Contents.length, 2);
  }
  await resumes('sts', 'sts/film.mp4');
  await fails(clients.sts().putBucketTagging(at({Tags: [{Key: 'a', Value: '1'}]})), 'AccessDenied'); // not in the policy
  await fails(client({SecretId: fixed.SecretID, SecretKey: fixed.SecretKey}).headBucket(at({})).then(() => null, (e) => {
    assert.equal(e.statusCode, 403);
    throw Object.assign(e, {code: 'refused'});
  }), 'refused');
  await fails(client({SecretId: fixed.SecretID, SecretKey: fixed.SecretKey, SecurityToken: 'other'}).getBucket(at({})), 'InvalidAccessKeyId');
  await copies(constant, 'fixed/source.txt');
  await deletes(constant, 'fixed/');
  await deletes(owner, 'sts/');
}

async function presignedAsync(cos, Key) {
  await cos.putObject(at({Key, Body: 'content'}));
  const url = await new Promise((resolve, reject) => cos.getObjectUrl(at({Key, Sign: true}), (err, data) => (err ? reject(err) : resolve(data.Url))));
  assert.match(url, /x-cos-security-token=/);
  assert.equal((await get(url + '&t=1')).body.toString(), 'content');
  assert.equal((await get(url.replace(/x-cos-security-token=[^&]*/, 'x-cos-security-token=other'))).status, 403);
}

// Configurations in the spellings that the SDK's users write.
async function configurations() {
  const target = `qcs::cos:${Region}::${Bucket}`;
  const trip = async (name, params, read) => {
    await owner['putBucket' + name](at(params));
    return read(await owner['getBucket' + name](at({})));
  };
  const is = async (name, params, read, want) => assert.deepEqual(await trip(name, params, read), want, name);

  await is('Tagging', {Tags: [{Key: 'k1', Value: 'v1'}, {Key: 'k2', Value: '值'}]}, (d) => d.Tags, [{Key: 'k1', Value: 'v1'}, {Key: 'k2', Value: '值'}]);
  await is('Versioning', {VersioningConfiguration: {Status: 'Enabled'}}, (d) => d.VersioningConfiguration.Status, 'Enabled');
  await is('Cors', {CORSRules: [{AllowedOrigin: ['*'], AllowedMethod: ['GET', 'POST', 'PUT', 'DELETE', 'HEAD'], AllowedHeader: ['*'], ExposeHeader: ['ETag'], MaxAgeSeconds: '5'}]},
    (d) => d.CORSRules[0].AllowedMethods, ['GET', 'POST', 'PUT', 'DELETE', 'HEAD']);
  for (const StorageClass of ['STANDARD_IA', 'Standard_IA', 'ARCHIVE', 'Archive']) {
    const Rules = [{ID: '1', Filter: {Prefix: 'p/'}, Status: 'Enabled', Transition: {Days: '30', StorageClass}}];
    await is('Lifecycle', {Rules}, (d) => [d.Rules.length, d.Rules[0].Filter.Prefix, d.Rules[0].Transition.Days ?? d.Rules[0].Transition[0].Days], [1, 'p/', '30']);
  }
  await is('Website', {WebsiteConfiguration: {
    IndexDocument: {Suffix: 'index.html'}, ErrorDocument: {Key: 'error.html'}, RedirectAllRequestsTo: {Protocol: 'https'},
    RoutingRules: [{Condition: {HttpErrorCodeReturnedEquals: '404'}, Redirect: {Protocol: 'https', ReplaceKeyWith: '404.html', URLRedirect: 'Enabled'}}],
  }}, (d) => [d.WebsiteConfiguration.RoutingRules[0].Redirect.ReplaceKeyWith, d.WebsiteConfiguration.IndexDocument.Suffix], ['404.html', 'index.html']);
  await is('Encryption', {ServerSideEncryptionConfiguration: {Rule: [{ApplySideEncryptionConfiguration: {SSEAlgorithm: 'AES256'}}]}},
    (d) => d.ServerSideEncryptionConfiguration.Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm, 'AES256'); // the SDK looks for another root
  await is('Referer', {RefererConfiguration: {Status: 'Enabled', RefererType: 'White-List', DomainList: {Domains: ['*.example.com', 'example.net']}, EmptyReferConfiguration: 'Allow'}},
    (d) => d.RefererConfiguration.DomainList.Domains, ['*.example.com', 'example.net']);
  await is('Logging', {BucketLoggingStatus: {LoggingEnabled: {TargetBucket: Bucket, TargetPrefix: 'logs/'}}}, (d) => d.BucketLoggingStatus.LoggingEnabled.TargetPrefix, 'logs/');
  await is('Accelerate', {AccelerateConfiguration: {Status: 'Enabled'}}, (d) => d.AccelerateConfiguration.Status, 'Enabled');
  for (const HttpHeader of [{NewHttpHeader: {Header: [{Key: 'a', Value: 'b'}]}}, {NewHttpHeaders: {Header: [{Key: 'a', Value: 'b'}]}, FollowHttpHeaders: {Header: [{Key: 'c'}]}}]) {
    await is('Origin', {OriginRule: [{
      OriginType: 'Mirror', OriginCondition: {HTTPStatusCode: 404, Prefix: ''},
      OriginParameter: {Protocol: 'HTTP', FollowQueryString: 'true', HttpHeader, FollowRedirection: 'true', HttpRedirectCode: ['301', '302']},
      OriginInfo: {HostInfo: {HostName: 'origin.example.com'}, FileInfo: {PrefixConfiguration: {Prefix: 'p/'}, SuffixConfiguration: {Suffix: '.jpg'}}},
    }]}, (d) => [d.OriginRule[0].OriginInfo.HostInfo.HostName, d.OriginRule[0].OriginParameter.HttpRedirectCode], ['origin.example.com', ['301', '302']]);
  }
  const replicas = Bucket.replace('-', '-replica-');
  await owner.putBucket({Bucket: replicas, Region});
  await owner.putBucketVersioning({Bucket: replicas, Region, VersioningConfiguration: {Status: 'Enabled'}});
  await is('Replication', {ReplicationConfiguration: {
    Role: 'qcs::cam::uin/100000000001:uin/100000000001',
    Rules: [{ID: 'r1', Status: 'Enabled', Prefix: 'sync/', Destination: {Bucket: `qcs::cos:${Region}::${replicas}`}}],
  }}, (d) => d.ReplicationConfiguration.Rules[0].ID, 'r1');

  for (const IsEnabled of ['true', 'True']) {
    const InventoryConfiguration = {
      Id: 'daily', IsEnabled, IncludedObjectVersions: 'All', Schedule: {Frequency: 'Daily'}, Filter: {Prefix: 'p'}, OptionalFields: ['Size'],
      Destination: {COSBucketDestination: {Format: 'CSV', AccountId: '100000000001', Bucket: target, Prefix: 'reports', Encryption: {SSECOS: ''}}},
    };
    await owner.putBucketInventory(at({Id: 'daily', InventoryConfiguration}));
    assert.equal((await owner.getBucketInventory(at({Id: 'daily'}))).InventoryConfiguration.Destination.COSBucketDestination.Prefix, 'reports');
  }
  assert.equal((await owner.listBucketInventory(at({}))).InventoryConfigurations.length, 1);

  const statement = [{effect: 'allow', principal: {qcs: ['qcs::cam::uin/100000000001:uin/100000000001']}, action: ['name/cos:GetBucket'], resource: [`qcs::cos:${Region}:uid/${Bucket.split('-').at(-1)}:${Bucket}/*`]}];
  await owner.putBucketPolicy(at({Policy: {version: '2.0', statement}}));
  const policy = (await owner.getBucketPolicy(at({}))).Policy;
  assert.deepEqual((policy.Statement ?? policy.statement)[0].resource, statement[0].resource);

  for (const [params, want] of [
    [{ACL: 'private'}, 'private'], [{ACL: 'public-read'}, 'public-read'], [{ACL: 'public-read-write'}, 'public-read-write'],
    [{ACL: 'public-read', GrantFullControl: 'id="qcs::cam::uin/1001:uin/1001",id="qcs::cam::uin/1002:uin/1002"'}, 'public-read'],
  ]) {
    await owner.putBucketAcl(at(params));
    const acl = await owner.getBucketAcl(at({}));
    assert.equal(acl.ACL, want);
    assert.equal(acl.GrantFullControl || undefined, params.GrantFullControl);
  }
  await owner.putBucketAcl(at({ACL: 'private', GrantRead: 'id="qcs::cam::uin/1001:uin/1001"'}));
  assert.deepEqual((await owner.getBucketAcl(at({}))).Grants.map((g) => g.Permission), ['READ']);
  await owner.putBucketAcl(at({ACL: 'private'}));

  for (const name of ['Inventory', 'Replication', 'Origin', 'Referer', 'Encryption', 'Website', 'Lifecycle', 'Cors', 'Policy', 'Tagging']) {
    if (typeof owner['deleteBucket' + name] === 'function') {
      await owner['deleteBucket' + name](at(name === 'Inventory' ? {Id: 'daily'} : {}));
    }
  }
  await fails(owner.getBucketTagging(at({})).then((d) => { if (d.Tags.length === 0) throw Object.assign(new Error(), {code: 'NoSuchTagSet'}); }), 'NoSuchTagSet');
  await owner.deleteBucket({Bucket: replicas, Region});
}

async function buckets() {
  const other = Bucket.replace('-', '-other-');
  await owner.putBucket({Bucket: other, Region});
  const listed = await owner.getService({Region});
  assert.ok(listed.Buckets.some((b) => b.Name === other && b.Location === Region), JSON.stringify(listed.Buckets));
  assert.equal((await owner.headBucket({Bucket: other, Region})).statusCode, 200);
  await owner.deleteBucket({Bucket: other, Region});
  const gone = await owner.headBucket({Bucket: other, Region}).then(() => null, (e) => e);
  assert.equal(gone.statusCode, 404);
}

async function main() {
  const steps = {
    buckets, types, temporary,
    unknown: () => unknownNames(owner, 'own/unknown.txt'), urls: () => presigned(owner, 'own/url.txt'), copies: () => copies(owner, 'own/source.txt'),
    resumes: () => resumes('own', 'own/film.mp4'), deletes: () => deletes(owner, 'own/'),
    configurations, // versioning among them: nothing can be appended any more
  };
  for (const [name, step] of Object.entries(steps)) {
    const begun = Date.now();
    await step().catch((err) => { err.message = `${name}: ${err.message}`; throw err; });
    console.log(`${name}: ${Date.now() - begun} ms`);
  }
}

const [kind, key, file] = process.argv.slice(3);
if (kind) {
  breaksOff(clients[kind](), key, file);
} else {
  main().then(() => process.exit(0), (err) => {
    console.error(err);
    process.exit(1);
  });
}
