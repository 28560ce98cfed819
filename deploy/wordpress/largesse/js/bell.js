/*
 * bell.js - the bell in the admin bar rings when a comment waits.
 */
( function () {
	const { _n, sprintf } = wp.i18n;
	const bell = () => document.getElementById( 'wp-admin-bar-largesse-bell' );

	largesse.on( 'can/moderate_comments', 'comments-waiting', ( event ) => {
		const node = bell();
		const count = JSON.parse( event.data ).waiting;
		if ( ! node ) {
			return;
		}
		const label = node.querySelector( '.ab-label' );
		const before = parseInt( label.textContent, 10 );
		/* translators: %s: a number */
		const words = sprintf( _n( '%s comment waits for moderation', '%s comments wait for moderation', count, 'largesse' ), count );
		label.textContent = count;
		node.querySelector( '.screen-reader-text' ).textContent = words;
		node.querySelector( 'a' ).title = words;
		node.classList.toggle( 'largesse-waits', count > 0 );
		node.classList.remove( 'largesse-rings' );
		if ( count > before ) {
			void node.offsetWidth; // So that it rings again.
			node.classList.add( 'largesse-rings' );
		}
	} );
}() );
