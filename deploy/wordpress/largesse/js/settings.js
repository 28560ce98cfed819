/*
 * settings.js - the live test: publishes to this user, and sees it arrive.
 */
( function () {
	const { __, sprintf } = wp.i18n;
	const said = document.getElementById( 'largesse-test' );
	const again = document.getElementById( 'largesse-again' );
	const topic = 'user/' + largesse.user;
	const LIMIT_MS = 15000;
	let arrived = () => {};

	function say( text, name ) {
		said.textContent = text;
		said.className = 'largesse-' + name;
	}

	async function test() {
		const word = Math.random().toString( 36 ).slice( 2 );
		const began = performance.now();
		again.disabled = true;
		say( __( 'An event is published …', 'largesse' ), 'waits' );
		const comes = new Promise( ( resolve, reject ) => {
			arrived = ( data ) => data === word && resolve( performance.now() - began );
			setTimeout( () => reject( new Error( __( 'The event was published, but it did not arrive in this browser. The table below may say why.', 'largesse' ) ) ), LIMIT_MS );
		} );
		try {
			const [ ms, answer ] = await Promise.all( [ comes, ask( word ) ] );
			say( sprintf(
				/* translators: 1: and 2: numbers of milliseconds */
				__( 'It works. An event arrived %1$d ms after it was asked for; WordPress needed %2$d ms of them to publish it.', 'largesse' ),
				Math.round( ms ), answer.wordpress
			), 'works' );
		} catch ( error ) {
			say( error.message, 'fails' );
		}
		again.disabled = false;
	}

	async function ask( word ) {
		const answer = await fetch( window.largesseSite.ajax, {
			method: 'POST',
			body: new URLSearchParams( { action: 'largesse_test', _ajax_nonce: window.largesseTest, word } ),
		} );
		const result = await answer.json().catch( () => ( {} ) );
		if ( ! result.success ) {
			throw new Error( typeof result.data === 'string' ? result.data : __( 'WordPress did not publish the event. Load this page again.', 'largesse' ) );
		}
		return result.data;
	}

	again.addEventListener( 'click', test );
	largesse.on( topic, 'largesse-test', ( event ) => arrived( event.data ) );
	test(); // The stream brings what was published while it opens.
}() );
