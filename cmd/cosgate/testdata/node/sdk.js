// Runs the official Node SDK, unchanged, against the HTTP proxy named in argv,
// and fails at the first answer that is not as the SDK's users expect it.
//
// usage: node sdk.js PROXY SECRET_ID SECRET_KEY BUCKET REGION
'use strict';
const assert = require('node:assert/strict');
const COS = require('cos-nodejs-sdk-v5');

const [Proxy, SecretId, SecretKey, Bucket, Region] = process.argv.slice(2);
const cos = new COS({SecretId, SecretKey, Proxy, Protocol: 'http:'});
const at = (params) => ({Bucket, Region, ...params});

// The SDK cannot send every key: it takes off one leading slash, and refuses to
// get a key that a cleaned path would make empty, such as "x/..".
const keys = [
  'plain.txt', 'with space', 'a//b', 'dir/', 'x/.hidden', 'a..b', '100%', '%2F', 'a+b', 'q?x=1&y=2', '#hash',
  '../up', './here', 'a/../b', 'a/./b', 'c/%2e%2e/d', 'tab\there',
  '中文/键.txt', '😀', "quote'()*!", 'back\\slash', 'a'.repeat(850),
];

async function roundTrip(Key) {
  const body = Buffer.from(`content of ${Key}`);
  const put = await cos.putObject(at({Key, Body: body, Headers: {'x-cos-meta-note': 'kept'}, ContentType: 'text/x-test'}));
  assert.equal(put.statusCode, 200, Key);
  assert.match(put.ETag, /^"[0-9a-f]{32}"$/, Key);
  const get = await cos.getObject(at({Key}));
  assert.deepEqual(get.Body, body, Key);
  assert.equal(get.ETag, put.ETag, Key);
  assert.equal(get.headers['content-type'], 'text/x-test', Key);
  assert.equal(get.headers['x-cos-meta-note'], 'kept', Key);
  const head = await cos.headObject(at({Key}));
  assert.equal(head.headers['content-length'], String(body.length), Key);
  assert.equal(head.headers['x-cos-hash-crc64ecma'], get.headers['x-cos-hash-crc64ecma'], Key);
}

async function list() {
  const found = [];
  let Marker;
  do {
    const page = await cos.getBucket(at({MaxKeys: 5, Marker}));
    found.push(...page.Contents.map((o) => o.Key));
    Marker = page.IsTruncated === 'true' ? page.NextMarker : undefined;
  } while (Marker !== undefined);
  assert.deepEqual(found.toSorted(), keys.toSorted());
  const dirs = await cos.getBucket(at({Delimiter: '/'}));
  assert.deepEqual(dirs.CommonPrefixes.map((p) => p.Prefix), ['../', './', 'a/', 'c/', 'dir/', 'x/', '中文/']);
}

async function copy() {
  const Key = 'copy of 中文+';
  const source = `${Bucket}.cos.${Region}.myqcloud.com/${encodeURIComponent('中文/键.txt')}`;
  const got = await cos.putObjectCopy(at({Key, CopySource: source}));
  assert.match(got.ETag, /^"[0-9a-f]{32}"$/);
  assert.deepEqual((await cos.getObject(at({Key}))).Body, Buffer.from('content of 中文/键.txt'));
  assert.equal((await cos.deleteObject(at({Key}))).statusCode, 204);
}

async function range() {
  const got = await cos.getObject(at({Key: 'plain.txt', Range: 'bytes=0-6'}));
  assert.equal(got.statusCode, 206);
  assert.equal(got.Body.toString(), 'content');
}

async function fails(call, statusCode, code) {
  const err = await call.then(() => null, (e) => e);
  assert.ok(err, `${code}: the call succeeded`);
  assert.equal(err.statusCode, statusCode);
  assert.equal(err.code, code);
  if (err.error && err.error.Code) {
    assert.equal(err.error.Code, code);
    assert.ok(err.error.Message);
  }
  assert.ok(err.RequestId || err.headers['x-cos-request-id'], `${code}: no request id`);
}

async function errors() {
  await fails(cos.getObject(at({Key: 'absent'})), 404, 'NoSuchKey');
  await fails(cos.getBucket({Bucket: 'absent-1250000000', Region}), 404, 'NoSuchBucket');
  await fails(cos.putBucket({Bucket, Region}), 409, 'BucketAlreadyOwnedByYou');
  await fails(cos.deleteBucket({Bucket, Region}), 409, 'BucketNotEmpty');
  const stranger = new COS({SecretId: 'AKIDnobody', SecretKey, Proxy, Protocol: 'http:'});
  await fails(stranger.getObject(at({Key: 'plain.txt'})), 403, 'InvalidAccessKeyId');
  const forger = new COS({SecretId, SecretKey: 'wrong', Proxy, Protocol: 'http:'});
  await fails(forger.getObject(at({Key: 'plain.txt'})), 403, 'SignatureDoesNotMatch');
  const head = await cos.headObject(at({Key: 'absent'})).then(() => null, (e) => e);
  assert.equal(head.statusCode, 404);
  assert.ok(head.headers['x-cos-request-id']);
}

async function deletes() {
  const got = await cos.deleteMultipleObject(at({Objects: keys.slice(1).map((Key) => ({Key}))}));
  assert.equal(got.Deleted.length, keys.length - 1);
  await cos.deleteObject(at({Key: keys[0]}));
  assert.deepEqual((await cos.getBucket(at({}))).Contents, []);
}

async function main() {
  for (const key of keys) {
    await roundTrip(key);
  }
  await list();
  await copy();
  await range();
  await errors();
  await deletes();
  console.log(`${keys.length} keys round-tripped`);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
