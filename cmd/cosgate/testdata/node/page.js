// The ordinary work of a page with the official JavaScript SDK, unchanged, in a browser. It
// reports to the server that it came from, TestE2EBrowserSDK, what it did, or its first
// surprise. Each step reads back what it did.
'use strict';
const MiB = 1 << 20;
const lines = [];

// report ends the test.
const report = (error) => fetch('report', {method: 'POST', body: JSON.stringify({error, lines: [...JSON.parse(sessionStorage.getItem('lines') || '[]'), ...lines]})});
const stop = (error) => report(String((error && error.stack) || error) + (error && error.error ? ' ' + JSON.stringify(error.error) : ''));
window.addEventListener('error', (event) => stop(event.error || event.message));
window.addEventListener('unhandledrejection', (event) => stop(event.reason));

function same(got, want, what) {
  if (JSON.stringify(got) !== JSON.stringify(want)) {
    throw new Error(`${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
  }
}

function holds(condition, what) {
  if (!condition) {
    throw new Error(what);
  }
}

// noise is content that differs everywhere, so that a slice in the wrong place shows.
function noise(size) {
  const data = new Uint8Array(size);
  for (let i = 0, x = 1; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    data[i] = x >>> 24;
  }
  return data;
}

const digest = async (data) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', data))).join();

async function work(facts) {
  const Bucket = facts.bucket;
  const Region = facts.region;
  const at = (params) => ({Bucket, Region, ...params});
  const client = (options) => new COS({Domain: '{Bucket}.cos.{Region}.' + facts.suffix, Protocol: 'http:', ProgressInterval: 20, ChunkParallelLimit: 1, ...options});
  let asked = 0;
  const issued = client({
    getAuthorization: async (options, callback) => {
      asked++;
      const got = await (await fetch('credentials')).json();
      callback({
        TmpSecretId: got.credentials.tmpSecretId, TmpSecretKey: got.credentials.tmpSecretKey, SecurityToken: got.credentials.sessionToken,
        StartTime: got.startTime, ExpiredTime: got.expiredTime, ScopeLimit: false,
      });
    },
  });
  const {SecretID, SecretKey, Token} = facts.fixed;
  const fixed = client({SecretId: SecretID, SecretKey, SecurityToken: Token});
  const text = (got) => (typeof got.Body === 'string' ? got.Body : new TextDecoder().decode(got.Body));
  const fails = async (call, statusCode, code) => {
    const err = await call.then(() => null, (e) => e);
    holds(err, `${code}: the call succeeded`);
    same([err.statusCode, err.code], [statusCode, code], `the error ${err.message}`);
  };

  const film = () => new File([noise(4 * MiB + 17)], 'film.mp4', {type: '', lastModified: 1700000000000});
  const slices = (params) => at({Key: 'web/film.mp4', Body: film(), SliceSize: MiB, ChunkSize: MiB, ...params});

  const before = {
    async objects() {
      for (const [name, cos] of [['issued', issued], ['fixed', fixed]]) {
        const Key = `web/${name} 中文.txt`;
        const put = await cos.putObject(at({Key, Body: 'content', Headers: {'x-cos-meta-note': 'kept'}}));
        same(put.statusCode, 200, 'putObject');
        holds(/^"[0-9a-f]{32}"$/.test(put.ETag), `the page may see the ETag: ${put.ETag}`);
        const got = await cos.getObject(at({Key}));
        same(text(got), 'content', 'getObject');
        same(got.headers['x-cos-meta-note'], 'kept', 'the metadata');
        const head = await cos.headObject(at({Key}));
        same([head.headers['content-length'], head.headers['x-cos-hash-crc64ecma'] !== undefined], ['7', true], 'headObject');
        same(text(await cos.getObject(at({Key, Range: 'bytes=1-3'}))), 'ont', 'a range');
        const CopySource = `${Bucket}.cos.${Region}.myqcloud.com/${encodeURIComponent(Key)}`;
        await cos.putObjectCopy(at({Key: Key + '.copy', CopySource}));
        same(text(await cos.getObject(at({Key: Key + '.copy'}))), 'content', 'the copy');
        same((await cos.getBucket(at({Prefix: `web/${name}`}))).Contents.map((o) => o.Key), [Key, Key + '.copy'], 'the list');
        await cos.deleteObject(at({Key: Key + '.copy'}));
        await fails(cos.getObject(at({Key: Key + '.copy'})), 404, 'NoSuchKey');
      }
      holds(asked > 0, 'no credentials were asked for');
      await fails(client({SecretId: SecretID, SecretKey, SecurityToken: 'other'}).getBucket(at({})), 403, 'InvalidAccessKeyId');
      await fails(issued.putBucketTagging(at({Tags: [{Key: 'a', Value: 'b'}]})), 403, 'AccessDenied');
    },

    // What COS does not know it ignores.
    async unknown() {
      const Headers = {'x-cos-test': '1', 'x-cos-test2': 'aksj lajlhj!@$%^&*()_+=-[]{}'};
      const Key = 'web/unknown.txt';
      await issued.putObject(at({Key, Body: 'content', Headers, Query: {t: '1'}}));
      same(text(await issued.getObject(at({Key, Headers, Query: {_: '17'}}))), 'content', 'getObject');
      same((await issued.getBucket(at({Prefix: Key, Headers}))).Contents.length, 1, 'getBucket');
      await issued.appendObject(at({Key: 'web/log.txt', Position: 0, Body: 'one', Headers}));
      await issued.appendObject(at({Key: 'web/log.txt', Position: 3, Body: 'two', Headers}));
      same(text(await issued.getObject(at({Key: 'web/log.txt'}))), 'onetwo', 'appendObject');
    },

    async urls() {
      const Key = 'web/unknown.txt';
      const url = await new Promise((resolve, reject) => issued.getObjectUrl(at({Key, Sign: true, Query: {utm: 'mail'}}), (err, data) => (err ? reject(err) : resolve(data.Url))));
      for (const more of ['', '&t=1', '&v=abc&_=17']) {
        const got = await fetch(url + more);
        same([got.status, await got.text()], [200, 'content'], `the URL with ${more}`);
      }
      same((await fetch(url.replace('utm=mail', 'utm=other'))).status, 403, 'a parameter that is covered was changed');
      same((await fetch(url.split('?')[0] + '?t=1')).status, 403, 'a private object without a signature');
    },

    async types() {
      for (const [Key, Body, ContentType, want] of [
        ['web/1.zip', new Blob(['x']), undefined, 'application/zip'], ['web/1.png', new Blob(['x']), undefined, 'image/png'],
        ['web/1', new Blob(['x']), undefined, 'application/octet-stream'], ['web/2.zip', new Blob(['x'], {type: 'text/html'}), undefined, 'text/html'],
        ['web/3.zip', 'x', 'text/xml', 'text/xml'],
      ]) {
        await issued.putObject(at({Key, Body, ContentType}));
        same((await issued.headObject(at({Key}))).headers['content-type'], want, Key);
      }
      await issued.sliceUploadFile(at({Key: 'web/4.zip', Body: new File([noise(2 * MiB)], '4.zip'), SliceSize: MiB}));
      same((await issued.headObject(at({Key: 'web/4.zip'}))).headers['content-type'], 'application/zip', 'slices');
    },

    async progress() {
      const seen = [];
      const content = noise(3 * MiB);
      await fixed.uploadFile(at({Key: 'web/progress', Body: new Blob([content]), onProgress: (p) => seen.push(p)}));
      holds(seen.length > 0 && seen.at(-1).percent === 1 && seen.at(-1).loaded === content.length, `the progress ends with ${JSON.stringify(seen.at(-1))}`);
      holds(seen.every((p, i) => i === 0 || p.loaded >= seen[i - 1].loaded), 'the progress goes back');
      const got = await fixed.getObject(at({Key: 'web/progress', DataType: 'arraybuffer'}));
      same(await digest(got.Body), await digest(content), 'the content');
    },

    // A form, as a page without the SDK has it: the browser sends the file and is
    // redirected to the page.
    async form() {
      const {url, fields, error} = await (await fetch('form')).json();
      holds(!error, error);
      const form = document.getElementById('form');
      form.action = url;
      for (const {Name, Value} of fields) {
        form.append(Object.assign(document.createElement('input'), {type: 'hidden', name: Name, value: Name === 'Content-Type' ? 'image/png' : Value}));
      }
      const input = Object.assign(document.createElement('input'), {type: 'file', name: 'file'});
      const chosen = new DataTransfer();
      chosen.items.add(new File([noise(MiB)], 'photo 中文.png', {type: 'image/png'}));
      input.files = chosen.files;
      form.append(input);
      const back = new Promise((resolve) => window.addEventListener('message', (event) => resolve(event.data), {once: true}));
      form.submit();
      const query = new URLSearchParams(await back);
      same([query.get('bucket'), query.get('key')], [Bucket, 'web/form/photo 中文.png'], 'the redirect');
      const got = await issued.getObject(at({Key: 'web/form/photo 中文.png', DataType: 'arraybuffer'}));
      same([got.headers['content-type'], await digest(got.Body)], ['image/png', await digest(noise(MiB))], 'the uploaded file');
      same(query.get('etag'), got.headers.etag, 'the ETag of the redirect');
    },

    // The page is loaded again in the middle of an upload. What follows is after.resumes.
    async breaksOff() {
      await new Promise((resolve, reject) => {
        issued.sliceUploadFile(slices({
          Headers: {'x-cos-traffic-limit': String(16 * MiB)}, // 2 MiB a second: there is time to break it off
          onProgress: ({loaded, total}) => loaded >= 2.5 * MiB && loaded < total && resolve(),
        }), (err) => reject(err || new Error('the upload was not broken off')));
      });
    },
  };

  const after = {
    async resumes() {
      const Key = 'web/film.mp4';
      await fails(issued.getObject(at({Key})), 404, 'NoSuchKey');
      const uploads = (await issued.multipartList(at({Prefix: Key}))).Upload;
      same(uploads.length, 1, 'open uploads');
      const sent = (await issued.multipartListPart(at({Key, UploadId: uploads[0].UploadId}))).Part;
      holds(sent.length >= 1 && sent.length < 5, `${sent.length} slices were sent before the page was loaded again`);
      const parts = [];
      const open = XMLHttpRequest.prototype.open;
      XMLHttpRequest.prototype.open = function (method, url, ...rest) {
        const part = new URL(url).searchParams.get('partNumber');
        if (method === 'PUT' && part) parts.push(Number(part));
        return open.call(this, method, url, ...rest);
      };
      const done = await issued.sliceUploadFile(slices({}));
      XMLHttpRequest.prototype.open = open;
      same(parts.toSorted(), [1, 2, 3, 4, 5].filter((n) => !sent.some((p) => Number(p.PartNumber) === n)), 'the slices that were sent now');
      same(done.UploadId, uploads[0].UploadId, 'the upload that is completed');
      const got = await issued.getObject(at({Key, DataType: 'arraybuffer'}));
      same([await digest(got.Body), got.headers['content-type']], [await digest(noise(4 * MiB + 17)), 'video/mp4'], 'the film');
      same((await issued.multipartList(at({Prefix: Key}))).Upload, [], 'open uploads afterwards');
    },

    async deletes() {
      const listed = (await fixed.getBucket(at({Prefix: 'web/'}))).Contents.map(({Key}) => ({Key}));
      holds(listed.length > 8, `${listed.length} objects`);
      same((await fixed.deleteMultipleObject(at({Objects: listed}))).Deleted.length, listed.length, 'deleteMultipleObject');
      same((await fixed.getBucket(at({Prefix: 'web/'}))).Contents, [], 'the list afterwards');
    },
  };

  const again = sessionStorage.getItem('lines') !== null;
  for (const [name, step] of Object.entries(again ? after : before)) {
    const begun = Date.now();
    await step().catch((err) => { err.stack = `${name}: ${err.message}\n${err.stack}`; throw err; });
    lines.push(`${name}: ${Date.now() - begun} ms`);
  }
  if (again) {
    return report();
  }
  sessionStorage.setItem('lines', JSON.stringify(lines));
  location.reload();
}

fetch('facts').then((got) => got.json()).then(work).catch(stop);
