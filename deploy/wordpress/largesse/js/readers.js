/*
 * readers.js - how many people are reading this post.
 *
 * The page says that it is there, and that it is left.  How many others are there comes
 * by the stream.
 */
( function () {
	const { post, topic, url, sign } = window.largesseReaders;
	const { _n, sprintf } = wp.i18n;
	const BEAT_MS = 240000;
	const reader = Array.from( crypto.getRandomValues( new Uint8Array( 8 ) ), ( n ) => n.toString( 36 ).padStart( 2, '0' ) ).join( '' );
	let beats = 0;
	let known = 0;

	const body = ( here ) => new URLSearchParams( { post, sign, reader, here } );

	function show( count ) {
		known = count;
		for ( const place of document.querySelectorAll( '.largesse-readers' ) ) {
			place.hidden = ! count;
			/* translators: %s: a number */
			place.textContent = sprintf( _n( '%s person is reading', '%s people are reading', count, 'largesse' ), count );
		}
	}

	async function beat() {
		try {
			const answer = await fetch( url, { method: 'POST', body: body( 1 ) } );
			if ( answer.ok ) {
				show( ( await answer.json() ).readers );
			}
		} catch ( error ) {
			/* The next one may arrive. */
		}
	}

	function come() {
		clearInterval( beats );
		beats = setInterval( beat, BEAT_MS );
		beat();
	}

	function leave() {
		clearInterval( beats );
		navigator.sendBeacon( url, body( 0 ) );
	}

	largesse.on( topic, 'readers', ( event ) => show( JSON.parse( event.data ).readers ) );
	document.addEventListener( 'largesse-changed', () => show( known ) );
	window.addEventListener( 'pagehide', leave );
	window.addEventListener( 'pageshow', ( event ) => event.persisted && come() );
	come();
}() );
