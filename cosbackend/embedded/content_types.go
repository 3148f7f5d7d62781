package embedded

import "strings"

// octetStream is the type of content about which nothing is known.
const octetStream = "application/octet-stream"

// contentTypes is the type of content by the suffix of a key, without its dot, in lower case.
// COS publishes no list; this one has what the official Node client knows, which is npm's
// mime-types, as far as it is likely to be stored. It depends on nothing of the machine.
func contentTypes() map[string]string {
	const table = `
		application/atom+xml                                                        atom
		application/dash+xml                                                        mpd
		application/epub+zip                                                        epub
		application/gzip                                                            gz
		application/java-archive                                                    jar
		application/javascript                                                      js mjs
		application/json                                                            json map
		application/json5                                                           json5
		application/ld+json                                                         jsonld
		application/manifest+json                                                   webmanifest
		application/msword                                                          doc
		application/pdf                                                             pdf
		application/postscript                                                      ps
		application/rss+xml                                                         rss
		application/rtf                                                             rtf
		application/toml                                                            toml
		application/vnd.android.package-archive                                     apk
		application/vnd.apple.mpegurl                                               m3u8
		application/vnd.google-earth.kml+xml                                        kml
		application/vnd.google-earth.kmz                                            kmz
		application/vnd.ms-excel                                                    xls
		application/vnd.ms-fontobject                                               eot
		application/vnd.ms-powerpoint                                               ppt
		application/vnd.oasis.opendocument.presentation                             odp
		application/vnd.oasis.opendocument.spreadsheet                              ods
		application/vnd.oasis.opendocument.text                                     odt
		application/vnd.openxmlformats-officedocument.presentationml.presentation   pptx
		application/vnd.openxmlformats-officedocument.spreadsheetml.sheet           xlsx
		application/vnd.openxmlformats-officedocument.wordprocessingml.document     docx
		application/vnd.rar                                                         rar
		application/vnd.visio                                                       vsd
		application/wasm                                                            wasm
		application/x-7z-compressed                                                 7z
		application/x-abiword                                                       abw
		application/x-apple-diskimage                                               dmg
		application/x-bzip2                                                         bz2
		application/x-debian-package                                                deb
		application/x-iso9660-image                                                 iso
		application/x-msaccess                                                      mdb
		application/x-msdos-program                                                 exe
		application/x-msdownload                                                    dll msi
		application/x-pkcs12                                                        p12
		application/x-sh                                                            sh
		application/x-shockwave-flash                                               swf
		application/x-sql                                                           sql
		application/x-tar                                                           tar
		application/x-x509-ca-cert                                                  pem
		application/x-xz                                                            xz
		application/xhtml+xml                                                       xht xhtml
		application/xml                                                             xml xsl
		application/zip                                                             zip
		audio/midi                                                                  mid midi
		audio/mp4                                                                   m4a
		audio/mpeg                                                                  mp3 mpga
		audio/ogg                                                                   oga ogg opus
		audio/wave                                                                  wav
		audio/webm                                                                  weba
		audio/x-aac                                                                 aac
		audio/x-flac                                                                flac
		audio/x-mpegurl                                                             m3u
		audio/x-ms-wma                                                              wma
		font/otf                                                                    otf
		font/ttf                                                                    ttf
		font/woff                                                                   woff
		font/woff2                                                                  woff2
		image/avif                                                                  avif
		image/bmp                                                                   bmp
		image/gif                                                                   gif
		image/heic                                                                  heic
		image/heif                                                                  heif
		image/jpeg                                                                  jpe jpeg jpg
		image/png                                                                   png
		image/svg+xml                                                               svg svgz
		image/tiff                                                                  tif tiff
		image/vnd.adobe.photoshop                                                   psd
		image/vnd.dwg                                                               dwg
		image/vnd.microsoft.icon                                                    ico
		image/vnd.wap.wbmp                                                          wbmp
		image/webp                                                                  webp
		text/cache-manifest                                                         appcache
		text/calendar                                                               ics
		text/css                                                                    css
		text/csv                                                                    csv
		text/html                                                                   htm html
		text/jsx                                                                    jsx
		text/less                                                                   less
		text/markdown                                                               md
		text/plain                                                                  conf ini log txt
		text/tab-separated-values                                                   tsv
		text/vtt                                                                    vtt
		text/x-lua                                                                  lua
		text/x-vcard                                                                vcf
		text/yaml                                                                   yaml yml
		video/3gpp                                                                  3gp
		video/3gpp2                                                                 3g2
		video/mp2t                                                                  ts
		video/mp4                                                                   mp4
		video/mpeg                                                                  mpeg mpg
		video/ogg                                                                   ogv
		video/quicktime                                                             mov
		video/webm                                                                  webm
		video/x-flv                                                                 flv
		video/x-m4v                                                                 m4v
		video/x-matroska                                                            mkv
		video/x-ms-wmv                                                              wmv
		video/x-msvideo                                                             avi
`
	types := make(map[string]string)
	for row := range strings.Lines(table) {
		fields := strings.Fields(row)
		for _, suffix := range fields[min(1, len(fields)):] {
			types[suffix] = fields[0]
		}
	}
	return types
}

// contentType is the type of what is written under a key without one (E172).
func (s *Server) contentType(key string) string {
	dot := strings.LastIndexByte(key, '.')
	if t, ok := s.contentTypes[strings.ToLower(key[dot+1:])]; ok && dot >= 0 {
		return t
	}
	return octetStream
}
